/**
 * Where the lab's alerts go: answers like the Telegram Bot API and writes every call to a file, one JSON object a line.
 * `/mode?m=ok|429|500|403|hang` makes it refuse.
 */
import { appendFileSync } from "node:fs";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { BOT_TOKEN } from "./settings.ts";

const MODES = ["ok", "429", "500", "403", "hang"] as const;
const BODY_BYTES_MAX = 10_000_000;
const TEXT_MAX = 4_096;
const log = process.env["SINK_LOG"] ?? "/dev/null";
let mode: (typeof MODES)[number] = "ok";
let messages = 0;

type Fields = Readonly<Record<string, unknown>>;

async function fieldsOf(request: IncomingMessage): Promise<Fields> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += (part as Buffer).length;
    if (bytes > BODY_BYTES_MAX) throw new Error("body too large");
    parts.push(part as Buffer);
  }
  const body = Buffer.concat(parts);
  const type = request.headers["content-type"] ?? "";
  if (type.includes("json")) return JSON.parse(body.toString()) as Fields;
  if (type.includes("urlencoded")) return Object.fromEntries(new URLSearchParams(body.toString()));
  const form = type.includes("multipart")
    ? await new Response(body, { headers: { "content-type": type } }).formData()
    : [];
  return Object.fromEntries(
    [...form].map(([name, value]) => [name, typeof value === "string" ? value : `(${value.size} bytes)`]),
  );
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, code: number, description: string, more: object = {}): void {
  send(response, code, { ok: false, error_code: code, description, ...more });
}

const ME = { id: 123_456, is_bot: true, first_name: "lab", username: "lab_bot" };

function bot(method: string, fields: Fields, response: ServerResponse): void {
  if (mode === "429")
    return refuse(response, 429, "Too Many Requests: retry after 3", { parameters: { retry_after: 3 } });
  if (mode === "403") return refuse(response, 403, "Forbidden: bot was blocked by the user");
  if (method === "getMe") return send(response, 200, { ok: true, result: ME });
  if (method === "getUpdates") return void setTimeout(() => send(response, 200, { ok: true, result: [] }), 1_000);
  const given = fields["text"] ?? fields["caption"];
  const text = typeof given === "string" ? given : "";
  if (method === "sendMessage" && text === "") return refuse(response, 400, "Bad Request: message text is empty");
  if (text.length > TEXT_MAX) return refuse(response, 400, "Bad Request: message is too long");
  const id = Number(fields["message_id"] ?? ++messages);
  const chat = { id: Number(fields["chat_id"]), type: "group", title: "lab" };
  return send(response, 200, { ok: true, result: { message_id: id, date: Math.floor(Date.now() / 1000), chat, text } });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/mode") {
    const wanted = MODES.find((each) => each === searchParams.get("m"));
    if (wanted === undefined) return refuse(response, 400, MODES.join(" "));
    mode = wanted;
    return send(response, 200, { ok: true });
  }
  const fields = await fieldsOf(request);
  const [, token, method = ""] = pathname.split("/");
  if (method !== "getUpdates") {
    const record = { at: new Date().toISOString(), path: method || pathname, mode, body: fields };
    appendFileSync(log, `${JSON.stringify(record)}\n`);
  }
  if (mode === "hang") return;
  if (mode === "500")
    return void response.writeHead(502, { "content-type": "text/html" }).end("<html>Bad Gateway</html>");
  if (token !== `bot${BOT_TOKEN}`) return refuse(response, pathname.startsWith("/bot") ? 401 : 404, "Unauthorized");
  return bot(method, fields, response);
}

http
  .createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  })
  .listen(Number(process.env["SINK_PORT"]), "127.0.0.1");
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
