/** How many targets may be down: a number of them, or a share. */
import { EXIT, UserError } from "../base/errors.ts";

export interface DownLimit {
  readonly count: number;
  readonly percent: boolean;
}

/** `3` or `10%`. @throws UserError `bad-threshold` (exit 2). */
export function parseDownLimit(text: string): DownLimit {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  if (match !== null) return { count: Number(match[1]), percent: match[2] === "%" };
  throw new UserError("bad-threshold", `"${text}" is neither a number of targets nor a percentage`, {
    hint: 'write "1" or "10%"',
    exit: EXIT.usage,
  });
}

/** `down` of `all` in the limit's own unit. */
export function measuredBy({ percent }: DownLimit, down: number, all: number): number {
  return percent ? (100 * down) / Math.max(1, all) : down;
}
