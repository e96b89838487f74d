/** What the marks hold, and how it is read: a file whose checksum fits may still be somebody else's idea of it. */
import type { Timestamp } from "../model/sample.ts";
import type { DroppedShare, SettledLoss, WriteGap } from "./options.ts";

export interface Content {
  readonly gaps: readonly WriteGap[];
  /** Since when nothing is written, and why; absent in the usual case. */
  readonly open?: { readonly from: Timestamp; readonly reason: string } | undefined;
  readonly dropped: readonly DroppedShare[];
  readonly companions: readonly string[];
  /** Newest last. */
  readonly losses: readonly SettledLoss[];
  /** Of the database, which cannot be asked without being opened; absent in marks of the first opsmon. */
  readonly series?: number;
  /** Where closed log files end: one that is cut behind a record looks like a whole one. */
  readonly log?: readonly LogEnd[];
}

/** Number of a log file and its bytes. */
export type LogEnd = readonly [file: number, bytes: number];

export const NOTHING: Content = { gaps: [], dropped: [], companions: [], losses: [] };

type Check = (value: unknown) => boolean;

const isNumber: Check = (value) => typeof value === "number";
const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";

function fields(wanted: Readonly<Record<string, Check>>): Check {
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(wanted).every(([name, check]) => check((value as Record<string, unknown>)[name]));
}

const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const DROPPED = { chunks: isNumber, samples: isNumber, bytes: isNumber, inNoTier: isNumber, until: isNumber };

const LOSS = { at: isNumber, from: isNumber, to: isNumber, blocks: isNumber, series: isNumber };

const isContent = fields({
  gaps: optional(listOf(fields({ from: isNumber, to: isNumber, reason: isText, lost: isFlag }))),
  open: optional(fields({ from: isNumber, reason: isText })),
  dropped: optional(listOf(fields({ ...DROPPED, reason: isText, at: isNumber }))),
  companions: optional(listOf(isText)),
  losses: optional(listOf(fields({ ...LOSS, log: optional(isFlag) }))),
  series: optional(isNumber),
  log: optional(listOf((end) => listOf(isNumber)(end) && (end as readonly unknown[]).length === 2)),
});

/** @returns undefined for text that is not what marks hold. */
export function contentIn(text: string): Content | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isContent(value) ? { ...NOTHING, ...(value as Content) } : undefined;
}
