/**
 * Where something is in the text of an expression, and errors that say so the way Prometheus does:
 * `1:5: parse error: unexpected …`. Columns count UTF-8 bytes from 1, lines from 1.
 */
import { UserError } from "../base/errors.ts";
import type { Span } from "./ast.ts";

/** `line:column` of a UTF-16 offset. */
export function position(text: string, offset: number): string {
  if (text === "") return "unknown position";
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) {
    line++;
    lineStart = at + 1;
  }
  const before = text.slice(lineStart, Math.min(offset, text.length));
  return `${line}:${Buffer.byteLength(before) + 1}`;
}

/** A parse error at a span. Exit code 2: the command line was wrong, not the configuration. */
export function parseError(text: string, span: Pick<Span, "start">, message: string, hint?: string): UserError {
  return new UserError("promql-parse", `${position(text, span.start)}: parse error: ${message}`, { exit: 2, hint });
}

/**
 * The nearest of `candidates` to a misspelt word: at most a third of its letters wrong.
 *
 * @returns undefined when none is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** Longest word compared: the table below is quadratic. */
const WORD_LENGTH_MAX = 128;

function editDistance(a: string, b: string): number {
  if (a.length > WORD_LENGTH_MAX || b.length > WORD_LENGTH_MAX) return WORD_LENGTH_MAX;
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replace, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}
