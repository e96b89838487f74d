/**
 * The exporter of the hostile bench, a process of its own: ten targets of a thousand series, and for each the times at
 * which somebody came for them. A process of its own, because the bench beside it is busy with answers.
 *
 * `GET /arrivals` tells and forgets: one list of unix ms for each target.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";

export const TARGETS = 10;
export const SERIES_PER_TARGET = 1_000;

/** Label sets of one target's page, as they are stored but for job and instance. */
export function pageLabels(): readonly Readonly<Record<string, string>>[] {
  const out: Record<string, string>[] = [];
  for (let i = 0; i < SERIES_PER_TARGET; i++) {
    const shard = `shard-${i % 20}`;
    if (i < 600) out.push({ __name__: "big", shard, path: `/aaaaaaaaaaaaaaaaaaaa/${i}`, code: String(200 + (i % 5)) });
    else if (i < 900) out.push({ __name__: "lat_bucket", shard, le: String((i % 15) / 10) });
    else out.push({ __name__: "temperature", shard, room: `room-${i}` });
  }
  const seen = new Set<string>();
  return out.map((labels, i) => {
    const key = JSON.stringify(labels);
    if (!seen.has(key)) {
      seen.add(key);
      return labels;
    }
    return { ...labels, copy: String(i) };
  });
}

/** What series `i` shows so many seconds after the epoch. */
export function valueAt(i: number, seconds: number): number {
  return i < 900 ? (seconds % 1_000_000) * (1 + (i % 7)) : 20 + (i % 10) + Math.sin(seconds / 60 + i);
}

function main(): void {
  const heads = pageLabels().map(({ __name__, ...labels }) => {
    const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
    return `${__name__}{${pairs.join(",")}} `;
  });
  let arrivals: number[][] = Array.from({ length: TARGETS }, () => []);
  let page = "";
  let pageOf = 0;
  const server = http.createServer((request, response) => {
    const now = Date.now();
    if (request.url === "/arrivals") {
      response.end(JSON.stringify(arrivals));
      arrivals = Array.from({ length: TARGETS }, () => []);
      return;
    }
    arrivals[Number(request.url?.slice(2))]?.push(now);
    const second = Math.floor(now / 1_000);
    if (second !== pageOf) {
      page = heads.map((head, i) => `${head}${valueAt(i, second)}\n`).join("");
      pageOf = second;
    }
    response.end(page);
  });
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
}

if (process.argv[1] === import.meta.filename) main();
