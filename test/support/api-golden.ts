/**
 * Answers of a real Prometheus, written down once by the lab's test and read by those that run everywhere. Times are
 * kept as distances from the first written sample, ports and paths as words.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { HEADERS, type Reply } from "./api-compare.ts";
import type { Pair } from "./api-pair.ts";
import type { ApiRequest } from "./api-requests.ts";
import { root } from "./process.ts";

const FILE: string = path.join(root, "test/golden/api.json");
/** Longer answers would make the file large and say nothing new. */
const TEXT_MAX = 4_000;
const DAY_S = 86_400;

type Place = Pick<Pair, "start" | "live" | "dead" | "home">;

interface Row {
  readonly request: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

function nameOf({ method = "GET", target, form = "", body = "", headers = {} }: ApiRequest, place: Place): string {
  return still([method, target, form, body, JSON.stringify(headers)].join(" "), place);
}

/** Without what changes from run to run. */
function still(text: string, { start, live, dead, home }: Place): string {
  const from = start / 1_000;
  return text
    .replaceAll(home, "<home>")
    .replaceAll(`:${live}`, ":<live>")
    .replaceAll(`:${dead}`, ":<dead>")
    .replaceAll(`//${hostname()}:`, "//<host>:")
    .replace(/\b1\d{9}\b/g, (digits) => {
      const distance = Number(digits) - from;
      return Math.abs(distance) < DAY_S ? `<${distance}>` : digits;
    });
}

function moving(text: string, { start, live, dead, home }: Place): string {
  return text
    .replaceAll("<home>", home)
    .replaceAll("<live>", String(live))
    .replaceAll("<dead>", String(dead))
    .replaceAll("<host>", hostname())
    .replace(/<(-?\d+)>/g, (_whole, distance: string) => String(start / 1_000 + Number(distance)));
}

export function writeGolden(place: Place, replies: readonly (readonly [ApiRequest, Reply])[]): void {
  const rows = replies.flatMap(([request, { status, headers, text }]): readonly Row[] => {
    // Where only the status counts, the rest would be facts about one machine.
    const told = request.how === "status" ? "" : text;
    if (told.length > TEXT_MAX) return [];
    const kept = HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]));
    return [{ request: nameOf(request, place), status, headers: Object.fromEntries(kept), text: still(told, place) }];
  });
  writeFileSync(FILE, `[\n${rows.map((row) => JSON.stringify(row)).join(",\n")}\n]\n`);
}

/** What Prometheus answered to a request, as if it had been asked now; undefined when it was too long to keep. */
export function readGolden(place: Place): (request: ApiRequest) => Reply | undefined {
  const rows = JSON.parse(readFileSync(FILE, "utf8")) as readonly Row[];
  const byName = new Map(rows.map((row) => [row.request, row]));
  return (request) => {
    const row = byName.get(nameOf(request, place));
    return row === undefined ? undefined : { status: row.status, headers: row.headers, text: moving(row.text, place) };
  };
}
