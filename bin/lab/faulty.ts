/**
 * An exporter that misbehaves in one of many ways (`/mode?m=NAME` picks, `/metrics` shows it, `/metrics/NAME` shows
 * that one always), and the pages of exporters Debian does not package, hand-written: /synthetic/NAME.
 */
import http, { type ServerResponse } from "node:http";
import { existsSync } from "node:fs";
import { createGzip, gzipSync } from "node:zlib";
import { SYNTHETIC } from "./synthetic.ts";

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/** What the bomb unpacks to, in MiB; on the wire it is less than one. */
const BOMB_MIB = 256;
const MANY_SERIES = 50_000;

let scrapes = 0;
const good = (): string =>
  `# HELP faulty_up 1 while this exporter behaves.\n# TYPE faulty_up gauge\nfaulty_up 1\n` +
  `# HELP faulty_requests_total Scrapes.\n# TYPE faulty_requests_total counter\nfaulty_requests_total ${++scrapes}\n`;

const page =
  (body: () => string | Buffer, type: string = TEXT) =>
  (response: ServerResponse): void => {
    response.setHeader("content-type", type);
    response.end(body());
  };

let bomb: Promise<Buffer> | undefined;
function gzipBomb(): Promise<Buffer> {
  bomb ??= new Promise((resolve, reject) => {
    const gzip = createGzip({ level: 9 });
    const parts: Buffer[] = [];
    gzip.on("data", (part: Buffer) => parts.push(part));
    gzip.on("end", () => resolve(Buffer.concat(parts)));
    gzip.on("error", reject);
    const block = Buffer.alloc(1 << 20, `faulty_bomb{x="${"a".repeat(32)}"} 1\n`);
    for (let i = 0; i < BOMB_MIB; i++) gzip.write(block);
    gzip.end();
  });
  return bomb;
}

const MODES: Readonly<Record<string, (response: ServerResponse) => void>> = {
  ok: page(good),
  "500": (response) => {
    response.statusCode = 500;
    response.end("the metrics could not be collected\n");
  },
  "401": (response) => response.writeHead(401, { "www-authenticate": "Basic" }).end("Unauthorized\n"),
  // never answers; the client's own timeout ends it
  hang: () => undefined,
  reset: (response) => response.socket?.destroy(),
  garbage: page(() => Buffer.from([0x1f, 0x8b, 0xff, 0xfe, 0, 1, 2, 3, 10, 65, 66, 123, 10])),
  html: page(() => "<html><body><h1>Login</h1></body></html>", "text/html"),
  truncated: (response) => {
    response.writeHead(200, { "content-type": TEXT, "content-length": 4096 });
    response.write(`${good()}faulty_requests_tot`);
    setTimeout(() => response.destroy(), 50);
  },
  cutline: page(() => `${good()}faulty_half{a="b`),
  drip: (response) => {
    response.setHeader("content-type", TEXT);
    const drop = setInterval(() => response.write("# slow\n"), 1_000);
    response.on("close", () => clearInterval(drop));
  },
  redirect: (response) => response.writeHead(302, { location: "/metrics/redirect" }).end(),
  dup: page(() => `${good()}faulty_up 2\n`),
  empty: page(() => ""),
  nan: page(
    () =>
      `${good()}faulty_v{k="nan"} NaN\nfaulty_v{k="inf"} +Inf\nfaulty_v{k="ninf"} -Inf\nfaulty_v{k="tiny"} 1.5e-320\n` +
      `faulty_v{k="esc\\"q\\\\ \\n"} 1\nfaulty_v{k="ts"} 5 ${Date.now() - 1_000}\n`,
  ),
  future: page(() => `${good()}faulty_future 1 ${Date.now() + 3_600_000}\nfaulty_old 1 ${Date.now() - 86_400_000}\n`),
  latin1: page(() =>
    Buffer.concat([Buffer.from(`${good()}faulty_l{k="`), Buffer.from([0xe9, 0xff]), Buffer.from('"} 1\n')]),
  ),
  crlf: page(() => good().replaceAll("\n", "\r\n")),
  many: page(
    () =>
      `# TYPE faulty_many gauge\n${Array.from({ length: MANY_SERIES }, (_, i) => `faulty_many{i="${i}"} ${i}\n`).join("")}`,
  ),
  longline: page(() => `${good()}faulty_l{k="${"x".repeat(4 << 20)}"} 1\n`),
  // clears the screen, sets the title and colours, if it ever reaches a terminal
  escapes: page(() => `${good()}faulty_text{k="\u001b[2J\u001b]0;owned\u0007\u001b[31mred\u009b1m"} 1\n`),
  gzipbomb: (response) => {
    void gzipBomb().then((bytes) =>
      response
        .writeHead(200, { "content-type": TEXT, "content-encoding": "gzip", "content-length": bytes.length })
        .end(bytes),
    );
  },
  gzip: (response) => {
    response.writeHead(200, { "content-type": TEXT, "content-encoding": "gzip" }).end(gzipSync(good()));
  },
  badgzip: (response) => response.writeHead(200, { "content-type": TEXT, "content-encoding": "gzip" }).end("not gzip"),
  openmetrics: page(
    () =>
      "# TYPE faulty_om_seconds counter\n# UNIT faulty_om_seconds seconds\n# HELP faulty_om_seconds x\n" +
      'faulty_om_seconds_total 5.0 # {trace_id="abc"} 0.67 1520879607.789\nfaulty_om_seconds_created 1520872607.123\n# EOF\n',
    OPENMETRICS,
  ),
  noeof: page(() => "# TYPE faulty_om counter\nfaulty_om_total 5.0\n", OPENMETRICS),
};

let mode = "ok";
const startedAt = Date.now();
const flags = process.env["FAULTY_FLAGS"] ?? "";

function synthetic(name: string, response: ServerResponse): void {
  const text = SYNTHETIC[name];
  if (text === undefined) {
    response.statusCode = 404;
    response.end();
    return;
  }
  const ageSeconds = (Date.now() - startedAt) / 1000;
  page(() => text({ ageSeconds, broken: (incident) => existsSync(`${flags}/${incident}`) }))(response);
}

http
  .createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const [, top, name] = url.pathname.split("/");
    if (top === "mode") {
      const wanted = url.searchParams.get("m") ?? "";
      if (MODES[wanted] === undefined) {
        response.statusCode = 400;
        response.end(`${Object.keys(MODES).join(" ")}\n`);
        return;
      }
      mode = wanted;
      response.end(`exporter mode ${mode}\n`);
    } else if (top === "metrics") {
      (MODES[name ?? mode] ?? MODES["500"])?.(response);
    } else if (top === "synthetic") {
      synthetic(name ?? "", response);
    } else {
      response.statusCode = 404;
      response.end();
    }
  })
  .listen(Number(process.env["FAULTY_PORT"]), "127.0.0.1");
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
