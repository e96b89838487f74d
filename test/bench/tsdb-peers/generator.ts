/**
 * A program: as many exporters as are asked for, `/t/N/metrics` each, from a ring of pages rendered beforehand, so
 * that its own work is small. `/count` tells how many pages went out. Prints its port. Arguments: `gzip` or `plain`.
 */
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { TargetModel } from "./model.ts";

const RING = 40;

const gzip = process.argv[2] === "gzip";
const model = new TargetModel(1);
const pages = Array.from({ length: RING }, () => {
  model.step(1);
  const text = Buffer.from(model.page());
  return { text, packed: gzipSync(text, { level: 5 }) };
});
const at = new Map<string, number>();
let count = 0;

const server = createServer((request, response) => {
  if (request.url === "/count") {
    response.end(String(count));
    return;
  }
  count++;
  const url = request.url ?? "";
  const turn = (at.get(url) ?? Number(/\d+/.exec(url)?.[0] ?? 0)) + 1;
  at.set(url, turn);
  const page = pages[turn % RING] as (typeof pages)[number];
  const packed = gzip && /gzip/.test(String(request.headers["accept-encoding"] ?? ""));
  const body = packed ? page.packed : page.text;
  response.writeHead(200, {
    "content-type": "text/plain; version=0.0.4; charset=utf-8",
    "content-length": body.length,
    ...(packed ? { "content-encoding": "gzip" } : {}),
  });
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
