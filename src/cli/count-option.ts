/** Whole numbers given as options. */
import { EXIT, UserError } from "../base/errors.ts";

/** @throws UserError `bad-number` (exit 2). */
export function wholeNumber(flag: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UserError("bad-number", `--${flag} "${text}" is not a whole number`, { exit: EXIT.usage });
}
