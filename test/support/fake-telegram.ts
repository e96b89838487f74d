/**
 * A strict Bot API on loopback: real HTTP, the real server's rules and error texts, rates, edits, buttons, long polls,
 * and faults on demand. It never checks what the program meant, only what it sent. It also keeps a record of all
 * requests, in memory and, where asked, as JSON lines in a file, so the lab can run it as a process of its own.
 */
import { appendFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Answer, type Body, ok, refuse, textOf } from "./fake-telegram-answer.ts";
import { ChatBook, type ChatRules, type FakeMessage } from "./fake-telegram-chats.ts";
import { UpdateQueue } from "./fake-telegram-updates.ts";

/** What goes wrong with the next request of a kind. */
export type Fault =
  /** Carried out, but the connection is cut before the answer. */
  | { readonly kind: "drop-after" }
  /** Cut before anything is carried out. */
  | { readonly kind: "drop-before" }
  | { readonly kind: "status"; readonly status: number; readonly description?: string }
  /** A gateway's HTML page. */
  | { readonly kind: "bad-gateway" }
  | { readonly kind: "rate"; readonly retryAfter: number }
  /** Never answered. */
  | { readonly kind: "hang" };

export interface FakeTelegramOptions {
  /** 0 = any free port. */
  readonly port?: number;
  readonly token?: string;
  readonly chats?: readonly ({ readonly id: number } & Partial<ChatRules>)[];
  /** Requests a group chat takes per minute and per second; Telegram's own are unpublished, about 20 and 1 to 3. */
  readonly perMinute?: number;
  readonly perSecond?: number;
  /** Every request as one JSON line is appended here. */
  readonly recordFile?: string;
  /** For rates and message dates, unix ms. */
  readonly now?: () => number;
}

interface RecordedRequest {
  readonly at: number;
  readonly method: string;
  readonly body: Body;
  readonly status: number;
  readonly description: string;
  /** The fault that struck this request. */
  readonly fault: string | undefined;
}

export interface FakeTelegram {
  readonly url: string;
  readonly token: string;
  /** All but getUpdates, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** Messages of a chat as people see them now, oldest first. */
  messages(chat: number): readonly FakeMessage[];
  /** The chat as a rule: block it, move it, add topics. */
  chat(id: number, rules: Partial<ChatRules>): void;
  /** The next requests of this method (any method: "*") meet these faults, one each. */
  fail(method: string, ...faults: readonly Fault[]): void;
  clearFaults(): void;
  /** Somebody presses a button; resolves with the text of the answer, undefined when none came in time. */
  press(
    message: FakeMessage,
    button: number,
    user: { readonly id: number; readonly name: string },
  ): Promise<string | undefined>;
  /** Requests begun and ended, getUpdates and hanging ones aside: equal when nothing is under way. */
  traffic(): { readonly started: number; readonly finished: number };
  close(): Promise<void>;
}

/** Largest request body; a document of a storm's alerts would be larger, and is not sent here. */
const BODY_BYTES_MAX = 1024 * 1024;

export async function startFakeTelegram(options: FakeTelegramOptions = {}): Promise<FakeTelegram> {
  const now = options.now ?? Date.now;
  const token = options.token ?? "123456:TEST-token_of-the-fake";
  const chats = new ChatBook(now, { perMinute: options.perMinute ?? 20, perSecond: options.perSecond ?? 3 });
  for (const { id, ...rules } of options.chats ?? [{ id: -1001 }]) chats.set(id, rules);
  const updates = new UpdateQueue(now);
  const requests: RecordedRequest[] = [];
  const faults = new Map<string, Fault[]>();

  const call = async (method: string, body: Body): Promise<Answer> => {
    switch (method) {
      case "getme":
        return ok({ id: Number(token.split(":")[0]), is_bot: true, first_name: "opsmon", username: "opsmon_bot" });
      case "deletewebhook":
        return ok(true);
      case "getupdates":
        return updates.poll(body);
      case "answercallbackquery":
        return updates.answer(body);
      case "sendmessage":
        return chats.send(body);
      case "editmessagetext":
        return chats.edit(body);
      case "deletemessage":
        return chats.remove(body);
      default:
        return refuse(404, "Not Found");
    }
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  let started = 0;
  let finished = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const counted = !(request.url ?? "").endsWith("/getUpdates");
    if (counted) started++;
    try {
      await serve(request, response);
    } finally {
      if (counted) finished++;
    }
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = /^\/bot([^/]+)\/(\w+)$/.exec(request.url ?? "");
    const method = path?.[2] ?? "";
    const body = await readBody(request);
    const queue = faults.get(method.toLowerCase()) ?? faults.get("*");
    const spared = method.toLowerCase() === "getupdates" && !faults.has("getupdates");
    const fault = spared || !canStrike(queue?.[0], body) ? undefined : queue?.shift();
    let answer: Answer;
    if (path === null) answer = refuse(404, "Not Found");
    else if (path[1] !== token) answer = refuse(401, "Unauthorized");
    else
      answer =
        fault === undefined || fault.kind === "drop-after" ? await call(method.toLowerCase(), body) : struck(fault);
    if (method.toLowerCase() !== "getupdates") {
      const description = textOf(answer.json["description"]);
      const record = { at: now(), method, body, status: answer.status, description, fault: fault?.kind };
      requests.push(record);
      if (options.recordFile !== undefined) appendFileSync(options.recordFile, `${JSON.stringify(record)}\n`);
    }
    if (fault?.kind === "hang") return;
    if (fault?.kind === "drop-after" || fault?.kind === "drop-before") {
      request.socket.destroy();
      return;
    }
    if (fault?.kind === "bad-gateway") {
      response.writeHead(502, { "content-type": "text/html" }).end("<html><h1>502 Bad Gateway</h1></html>");
      return;
    }
    response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.json));
  };

  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    requests,
    messages: (chat) => chats.messages(chat),
    chat: (id, rules) => chats.set(id, rules),
    fail(method, ...more) {
      const key = method.toLowerCase();
      faults.set(key, [...(faults.get(key) ?? []), ...more]);
    },
    clearFaults: () => faults.clear(),
    press: (message, button, user) => updates.press(message, button, user),
    traffic: () => ({ started, finished }),
    async close() {
      updates.close();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Entities are only parsed where a parse mode asks for it: plain text is never refused for them. */
function canStrike(fault: Fault | undefined, body: Record<string, unknown>): boolean {
  const parsing = fault?.kind === "status" && (fault.description ?? "").includes("parse entities");
  return !parsing || (body["parse_mode"] ?? "") !== "";
}

function struck(fault: Fault): Answer {
  switch (fault.kind) {
    case "status":
      return refuse(fault.status, fault.description ?? "Internal Server Error");
    case "rate":
      return refuse(429, `Too Many Requests: retry after ${fault.retryAfter}`, { retry_after: fault.retryAfter });
    case "bad-gateway":
    case "drop-before":
    case "drop-after":
    case "hang":
      return refuse(502, fault.kind);
  }
}

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const type = request.headers["content-type"] ?? "";
  if (type.includes("json")) return JSON.parse(text === "" ? "{}" : text) as Body;
  if (!type.includes("urlencoded")) return {};
  const fields = [...new URLSearchParams(text)].map(([name, value]) => [name, nested(value)]);
  return Object.fromEntries(fields) as Body;
}

/** Form fields carry objects as JSON text. */
function nested(value: string): unknown {
  try {
    return /^[{[]/.test(value) ? (JSON.parse(value) as unknown) : value;
  } catch {
    return value;
  }
}
