/** What the terminal can show: width, colour and symbols, from the environment and whether there is one at all. */
import { detectSymbols } from "../draw/symbols.ts";
import type { Invocation } from "./command.ts";

export interface Terminal {
  /** Cells; Infinity where nobody looks. */
  readonly width: number;
  readonly color: boolean;
  readonly ascii: boolean;
}

/** @see https://no-color.org */
export function terminalOf({ io }: Invocation): Terminal {
  const tty = io.stdoutIsTty;
  return {
    width: tty ? io.columns : Number.POSITIVE_INFINITY,
    color: tty && (io.env["NO_COLOR"] ?? "") === "" && io.env["TERM"] !== "dumb",
    ascii: tty && detectSymbols(io.env) === "ascii",
  };
}
