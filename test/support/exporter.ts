/**
 * An exporter that misbehaves on demand: a real HTTP server on 127.0.0.1 whose pages are good until `mode` says
 * otherwise. Every mode is something a real exporter, proxy or network has done to a scraper.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createGzip, gzipSync } from "node:zlib";

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/** Inflated size of the bomb; on the wire it is about a thousandth of this. */
export const BOMB_BYTES: number = 256 * 1024 * 1024;
export const MANY_SERIES = 50_000;

type Reply = (response: ServerResponse, exporter: ExporterState, request: IncomingMessage) => void;
interface ExporterState {
  scrapes: number;
  drips: number;
  /** Page of mode `page`. */
  page: string | Buffer;
  contentType: string | undefined;
}

const good = (state: ExporterState): string =>
  [
    "# HELP fault_up 1 while the exporter behaves.",
    "# TYPE fault_up gauge",
    "fault_up 1",
    "# TYPE fault_scrapes_total counter",
    `fault_scrapes_total ${state.scrapes}`,
    "",
  ].join("\n");

const send = (response: ServerResponse, body: string | Buffer, headers: Record<string, string> = {}): void => {
  response.writeHead(200, { "Content-Type": TEXT, ...headers });
  response.end(body);
};

const text =
  (page: (state: ExporterState) => string | Buffer, contentType: string = TEXT): Reply =>
  (response, state) =>
    send(response, page(state), { "Content-Type": contentType });

function bomb(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": TEXT, "Content-Encoding": "gzip" });
  const gzip = createGzip({ level: 9 });
  const block = Buffer.alloc(1024 * 1024, "# a long comment that says nothing at all, again and again\n");
  let left = BOMB_BYTES / block.length;
  const pump = (): void => {
    while (left > 0) {
      left--;
      if (!gzip.write(block)) {
        gzip.once("drain", pump);
        return;
      }
    }
    gzip.end();
  };
  response.on("close", () => gzip.destroy());
  gzip.on("error", () => undefined);
  gzip.pipe(response);
  pump();
}

function drip(response: ServerResponse, state: ExporterState): void {
  response.writeHead(200, { "Content-Type": TEXT });
  response.write("# slow\n");
  const timer = setInterval(() => {
    state.drips++;
    response.write("# slow\n");
  }, 10);
  response.on("close", () => clearInterval(timer));
}

function manySeries(): string {
  let page = "# TYPE fault_many gauge\n";
  for (let i = 0; i < MANY_SERIES; i++) page += `fault_many{user_id="u${i}",zone="a"} ${i}\n`;
  return page;
}

export type ExporterMode =
  | "ok"
  | "page"
  | "untyped"
  | "gzip"
  | "identity"
  | "brotli"
  | "500"
  | "401"
  | "auth"
  | "hang"
  | "reset"
  | "garbage"
  | "html"
  | "truncated"
  | "cutline"
  | "drip"
  | "redirect"
  | "moved"
  | "dup"
  | "gzipbomb"
  | "badgzip"
  | "shortgzip"
  | "longline"
  | "openmetrics"
  | "noeof"
  | "latin1"
  | "empty"
  | "nan"
  | "future"
  | "crlf"
  | "many"
  | "escapes"
  | "protobuf";

const REPLIES: Readonly<Record<ExporterMode, Reply>> = {
  ok: text(good),
  /** Whatever the test put into `page`. */
  page: (response, state) => send(response, state.page, { "Content-Type": state.contentType ?? TEXT }),
  untyped: (response, state) => {
    response.writeHead(200);
    response.end(good(state));
  },
  gzip: (response, state) => send(response, gzipSync(good(state)), { "Content-Encoding": "gzip" }),
  identity: (response, state) => send(response, good(state), { "Content-Encoding": "identity" }),
  brotli: (response, state) => send(response, good(state), { "Content-Encoding": "br" }),
  "500": (response) => {
    response.statusCode = 500;
    response.end("collected metric was collected before\n");
  },
  "401": (response) => {
    response.writeHead(401, { "WWW-Authenticate": "Basic" });
    response.end("Unauthorized\n");
  },
  /** Good for who knows the password. */
  auth: (response, state, request) => {
    const expected = `Basic ${Buffer.from("user:secret").toString("base64")}`;
    if (request.headers.authorization === expected) send(response, good(state));
    else response.writeHead(401).end();
  },
  hang: () => undefined,
  reset: (response) => void response.socket?.destroy(),
  garbage: text(() => Buffer.from([0x1f, 0x8b, 0xff, 0xfe, 0, 1, 2, 3, 10, 65, 66, 123, 10])),
  html: text(() => "<html><body><h1>Login</h1></body></html>", "text/html"),
  truncated: (response, state) => {
    response.writeHead(200, { "Content-Type": TEXT, "Content-Length": "4096" });
    response.write(good(state));
    setTimeout(() => response.destroy(), 20);
  },
  cutline: text((state) => `${good(state)}fault_half{a="b`),
  drip,
  redirect: (response) => void response.writeHead(302, { Location: "/metrics" }).end(),
  moved: (response, state, request) => {
    if (request.url === "/elsewhere") send(response, good(state));
    else response.writeHead(301, { Location: "/elsewhere" }).end();
  },
  dup: text((state) => `${good(state)}fault_up 2\n`),
  gzipbomb: bomb,
  badgzip: (response) => send(response, "this is not gzip", { "Content-Encoding": "gzip" }),
  shortgzip: (response, state) =>
    send(response, gzipSync(good(state).repeat(100)).subarray(0, 60), { "Content-Encoding": "gzip" }),
  longline: text((state) => `${good(state)}fault_long{k="${"x".repeat(4 * 1024 * 1024)}"} 1\n`),
  openmetrics: text(
    () =>
      '# TYPE fault_om_seconds counter\n# UNIT fault_om_seconds seconds\nfault_om_seconds_total 5.0 # {trace_id="a"} 0.67 1520879607.789\n# EOF\n',
    OPENMETRICS,
  ),
  noeof: text(() => "# TYPE fault_om counter\nfault_om_total 5.0\n", OPENMETRICS),
  latin1: text((state) =>
    Buffer.concat([Buffer.from(`${good(state)}fault_l{k="`), Buffer.from([0xe9, 0xff]), Buffer.from('"} 1\n')]),
  ),
  empty: text(() => ""),
  nan: text((state) => `${good(state)}fault_v{k="nan"} NaN\nfault_v{k="inf"} +Inf\nfault_v{k="tiny"} 1.5e-320\n`),
  future: text(
    (state) => `${good(state)}fault_future 1 ${Date.now() + 3_600_000}\nfault_past 1 ${Date.now() - 1_000}\n`,
  ),
  crlf: text((state) => good(state).replaceAll("\n", "\r\n")),
  many: text(manySeries),
  /** Label values that would drive a terminal. */
  escapes: text((state) => `${good(state)}fault_esc{k="\u001b[2J\u009b1mred\u0007"} 1\n`),
  protobuf: text(() => Buffer.from([8, 1, 2, 3]), "application/vnd.google.protobuf; encoding=delimited"),
};

export interface TestExporter extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  readonly url: string;
  mode: ExporterMode;
  /** For mode `page`. */
  page: string | Buffer;
  /** For mode `page`; text 0.0.4 unless told. */
  contentType: string | undefined;
  /** Requests seen so far. */
  readonly scrapes: number;
  /** Pieces that mode `drip` has sent. */
  readonly drips: number;
  /** Headers of the last request. */
  readonly headers: IncomingMessage["headers"];
  /** URL of the last request. */
  readonly path: string;
  close(): Promise<void>;
}

/** Listens on an ephemeral port of 127.0.0.1. */
export async function startExporter(mode: ExporterMode = "ok"): Promise<TestExporter> {
  const state: ExporterState = { scrapes: 0, drips: 0, page: "", contentType: undefined };
  let current: ExporterMode = mode;
  let last: IncomingMessage | undefined;
  const server = createServer((request, response) => {
    state.scrapes++;
    last = request;
    response.on("error", () => undefined);
    const reply: Reply = REPLIES[current];
    reply(response, state, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    address: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/metrics`,
    get mode() {
      return current;
    },
    set mode(next) {
      current = next;
    },
    get page() {
      return state.page;
    },
    set page(next) {
      state.page = next;
    },
    get contentType() {
      return state.contentType;
    },
    set contentType(next) {
      state.contentType = next;
    },
    get scrapes() {
      return state.scrapes;
    },
    get drips() {
      return state.drips;
    },
    get headers() {
      return last?.headers ?? {};
    },
    get path() {
      return last?.url ?? "";
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
