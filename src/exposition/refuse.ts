/** Why a page is refused: one sentence with the line, the offending text made harmless, and what to do about it. */
import { escapeControl } from "../base/log.ts";
import { UserError } from "../base/errors.ts";

/** Longest piece of a page that is quoted in a message, in bytes. */
const SNIPPET_BYTES_MAX = 60;

/** The line that holds `at`, counted from 1. */
export function lineOf(page: Uint8Array, at: number): number {
  let line = 1;
  for (let i = page.indexOf(0x0a); i >= 0 && i < at; i = page.indexOf(0x0a, i + 1)) line++;
  return line;
}

/** The text of a page from `from` to the end of its line, cut short, safe on a terminal. */
export function snippet(page: Uint8Array, from: number, to?: number): string {
  const lf = page.indexOf(0x0a, from);
  const end = Math.min(to ?? page.length, lf < 0 ? page.length : lf, from + SNIPPET_BYTES_MAX);
  const text = escapeControl(Buffer.from(page.subarray(from, end)).toString("utf8"));
  return `"${text}${to === undefined && end === from + SNIPPET_BYTES_MAX ? "…" : ""}"`;
}

/** Longest part of a message that says what is wrong; quoted names come from the page and may be of any length. */
const WHAT_LENGTH_MAX = 200;

function harmless(what: string): string {
  return escapeControl(what.length > WHAT_LENGTH_MAX ? `${what.slice(0, WHAT_LENGTH_MAX)}…` : what);
}

/** @throws UserError `bad-exposition`, always: `line 7: <what> at "<text>"`. */
export function refuse(page: Uint8Array, at: number, what: string, hint?: string): never {
  const where =
    at >= page.length
      ? ", and the page ends there"
      : page[at] === 0x0a
        ? ", and the line ends there"
        : `, at ${snippet(page, at)}`;
  throw new UserError("bad-exposition", `line ${lineOf(page, Math.min(at, page.length))}: ${harmless(what)}${where}`, {
    hint,
  });
}

/** As `refuse`, for a message that quotes what matters itself. */
export function refuseLine(page: Uint8Array, at: number, what: string, hint?: string): never {
  throw new UserError("bad-exposition", `line ${lineOf(page, Math.min(at, page.length))}: ${harmless(what)}`, { hint });
}
