/**
 * The journal's bytes: a record to one line of text and back. JSON with one addition: NaN and the infinities,
 * which JSON lacks, travel as `{"$n": "NaN"}`. Every line carries the schema number and its own checksum, so a
 * journal copied out of its store (bundles, backups) still proves each record.
 */
import { crc32 } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { JOURNAL_SCHEMA, type JournalKind, type JournalRecord } from "./record.ts";

/** Longest record kept: a storm's labels fit, a hostile label value does not fill the disk. */
export const RECORD_LENGTH_MAX: number = 256 * 1024;

const KINDS: ReadonlySet<string> = new Set<JournalKind>([
  "transition",
  "evaluation",
  "delivery",
  "rule-version",
  "mark",
  "note",
]);

/** JSON that keeps NaN, +Inf and -Inf; an object that owns such a marker key itself is written as its entries. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === "number" && !Number.isFinite(item)) return { $n: String(item) };
    const marked = typeof item === "object" && item !== null && ("$n" in item || "$o" in item);
    return marked ? { $o: Object.entries(item) } : item;
  });
}

/** Reads what `encodeJson` wrote. @throws SyntaxError */
export function decodeJson(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) => {
    if (typeof item !== "object" || item === null) return item;
    const { $n, $o } = item as { readonly $n?: unknown; readonly $o?: unknown };
    if (Array.isArray($o)) return Object.fromEntries($o as readonly (readonly [string, unknown])[]);
    return $n === "NaN" || $n === "Infinity" || $n === "-Infinity" ? Number($n) : item;
  });
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

/**
 * `<schema> <crc32 of the JSON> <JSON>`.
 *
 * @throws UserError `journal-record-too-long` past RECORD_LENGTH_MAX.
 */
export function encodeRecord(record: JournalRecord): string {
  const json = encodeJson(record);
  if (json.length > RECORD_LENGTH_MAX) {
    throw new UserError(
      "journal-record-too-long",
      `a ${record.kind} record of ${json.length} characters is longer than ${RECORD_LENGTH_MAX}`,
      { hint: "some label or annotation is far too long" },
    );
  }
  return `${JOURNAL_SCHEMA} ${checksum(json)} ${json}`;
}

/**
 * The record of a line.
 *
 * @throws UserError `journal-damaged` when checksum or shape are wrong, `journal-newer` when a later version of
 * the program wrote it.
 */
export function decodeRecord(line: string): JournalRecord {
  const match = /^(\d+) ([\da-f]{8}) /.exec(line);
  if (match === null) throw new UserError("journal-damaged", "a journal record without its header", { exit: 6 });
  const schema = Number(match[1]);
  if (schema > JOURNAL_SCHEMA) {
    throw new UserError("journal-newer", `a journal record of schema ${schema}; this program knows ${JOURNAL_SCHEMA}`, {
      hint: "read it with the newer opsmon that wrote it",
    });
  }
  const json = line.slice(match[0].length);
  if (checksum(json) !== match[2]) {
    throw new UserError("journal-damaged", "a journal record fails its checksum", { exit: 6 });
  }
  const value = decodeJson(json) as Partial<JournalRecord> | null;
  if (typeof value !== "object" || value === null || !KINDS.has(String(value.kind)) || !Number.isFinite(value.at)) {
    throw new UserError("journal-damaged", "a journal record of no known kind", { exit: 6 });
  }
  return value as JournalRecord;
}
