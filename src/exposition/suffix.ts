/**
 * What follows the labels of a sample: value, timestamp, exemplar. Shared by the first reading of a page and by
 * the replay on later pages, so that both accept the same texts. Each reader returns the offset after its text,
 * or -1 when the text is not one, and then the caller says what was wrong.
 */
import { isUtf8 } from "node:buffer";
import type { PageFormat } from "./page.ts";
import { parseFloatInto } from "./float.ts";
import { CHAR, CLASS, endOfString } from "./series.ts";

const SPACE = 0x20;
const TAB = 0x09;
const LF = 0x0a;
const OPEN = 0x7b;
/** int64 milliseconds; the text format takes digits only. */
const TIMESTAMP_DIGITS_MAX = 19;
const INT64_BOUND = 2 ** 63;
const scratch = new Float64Array(1);

/** Offset of the first byte that cannot belong to a value that starts at `at`. */
export function endOfValue(page: Uint8Array, at: number, end: number, format: PageFormat): number {
  let i = at;
  if (format === "openmetrics") {
    while (i < end && page[i] !== SPACE && page[i] !== LF) i++;
    return i;
  }
  for (; i < end; i++) {
    const c = page[i] as number;
    if (c <= SPACE ? c === SPACE || c === LF || c === TAB : c === OPEN) break;
  }
  return i;
}

/** Times that only an int64 holds are as far away as any: the scraper leaves such samples out. */
function clampTime(ms: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, ms));
}

/** Writes unix ms to `out[index]`; text wants whole ms in digits, OpenMetrics seconds as a float. */
export function readTimestamp(
  out: Float64Array,
  index: number,
  page: Uint8Array,
  from: number,
  to: number,
  format: PageFormat,
): boolean {
  if (format === "openmetrics") {
    if (!parseFloatInto(scratch, 0, page, from, to)) return false;
    // Rounded: Prometheus cuts, and reads 1073957892.360 as one millisecond less than it says.
    const ms = Math.round((scratch[0] as number) * 1_000);
    out[index] = clampTime(ms);
    return Number.isFinite(ms);
  }
  if (to === from || to - from > TIMESTAMP_DIGITS_MAX) return false;
  let ms = 0;
  for (let i = from; i < to; i++) {
    const digit = (page[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return false;
    ms = ms * 10 + digit;
  }
  out[index] = clampTime(ms);
  return ms < INT64_BOUND;
}

/** Whether ` # {` starts at `at`. */
export function startsExemplar(page: Uint8Array, at: number): boolean {
  return page[at] === SPACE && page[at + 1] === 0x23 && page[at + 2] === SPACE && page[at + 3] === OPEN;
}

/** Checks ` # {labels} value [timestamp]`; @returns the offset of the line feed after it, or -1. */
export function readExemplar(page: Uint8Array, at: number, end: number): number {
  let i = at + 4;
  while (i < end && page[i] !== 0x7d) {
    const name = i;
    if (page[i] === 0x22) i = endOfString(page, i, end);
    else if (((CLASS[page[i] as number] as number) & CHAR.labelStart) === 0) return -1;
    else while (i < end && (CLASS[page[i] as number] as number) & CHAR.label) i++;
    if (i <= name || page[i] !== 0x3d || page[i + 1] !== 0x22) return -1;
    const value = i + 1;
    i = endOfString(page, value, end);
    if (i < 0 || !isUtf8(page.subarray(value, i))) return -1;
    if (page[i] === 0x2c) i++;
    else if (page[i] !== 0x7d) return -1;
  }
  i = readSpacedFloat(page, i + 1, end);
  if (i < 0 || page[i] === LF) return i;
  i = readSpacedFloat(page, i, end);
  return i >= 0 && Number.isFinite(scratch[0]) && page[i] === LF ? i : -1;
}

function readSpacedFloat(page: Uint8Array, at: number, end: number): number {
  if (at >= end || page[at] !== SPACE) return -1;
  const stop = endOfValue(page, at + 1, end, "openmetrics");
  return stop < end && parseFloatInto(scratch, 0, page, at + 1, stop) ? stop : -1;
}
