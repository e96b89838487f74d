/**
 * What the console is given from outside: where answers come from, the terminal's two streams, the clock and the
 * panels. Nothing here reads the process; `cli` fills it in, tests fill it with fakes.
 */
import type { Source } from "../api/source.ts";
import type { Clock } from "../base/clock.ts";
import type { Timestamp } from "../model/sample.ts";
import type { PanelSpec, ViewId } from "../panel/spec.ts";

/** The part of `process.stdout` the console uses. */
export interface TerminalOut {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Bytes accepted but not yet taken by the terminal; above 0 the next frame waits. */
  readonly writableLength: number;
  write(text: string): boolean;
  on(event: "resize" | "drain" | "error", listener: (...args: never[]) => void): unknown;
  off(event: "resize" | "drain" | "error", listener: (...args: never[]) => void): unknown;
}

/** The part of `process.stdin` the console uses. */
export interface TerminalIn {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  setEncoding(encoding: "utf8"): unknown;
  on(event: "data" | "end" | "error", listener: (...args: never[]) => void): unknown;
  off(event: "data" | "end" | "error", listener: (...args: never[]) => void): unknown;
  resume(): unknown;
  pause(): unknown;
  ref?(): unknown;
  unref?(): unknown;
}

/** The part of `process` that ends, stops or crashes a program. */
export interface ProcessEvents {
  readonly pid: number;
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
  kill(pid: number, signal: NodeJS.Signals): unknown;
}

export interface ScreenOptions {
  readonly source: Source;
  readonly clock: Clock;
  readonly panels: readonly PanelSpec[];
  readonly view?: ViewId;
  readonly spanMs?: number;
  /** Absent: live. Present: paused at this moment. */
  readonly at?: Timestamp;
  /** NO_COLOR, TERM, COLORTERM, LC_ALL, LC_CTYPE, LANG decide colours and symbols. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly theme?: string;
  readonly symbols?: "braille" | "block" | "ascii";
  /** Shows UTC instead of the local zone. */
  readonly utc?: boolean;
  /** Label filter put into `$filter`, e.g. `instance="db1:9187"`. */
  readonly filter?: string;
}

export interface TopOptions extends ScreenOptions {
  readonly stdin: TerminalIn;
  readonly stdout: TerminalOut;
  /** Signals and crashes; `process` unless a test gives its own. */
  readonly process?: ProcessEvents;
  /** Who acknowledges and silences; the login name. */
  readonly author?: string;
  /**
   * Brings the engine back when it does not answer: given where the screen may start one. Called again after ever
   * longer pauses; rejects with what the person should read.
   */
  readonly revive?: () => Promise<void>;
  /** How often a live screen asks, ms; 1,000 unless told. */
  readonly refreshMs?: number;
}

/** Why the console closed. A signal is the caller's to pass on: the terminal is already clean. */
export type TopExit =
  | { readonly reason: "quit" }
  | { readonly reason: "signal"; readonly signal: "SIGTERM" | "SIGHUP" | "SIGINT" | "SIGQUIT" };

export interface OnceOptions extends ScreenOptions {
  /** 120x40 unless told. */
  readonly width?: number;
  readonly height?: number;
  /** Keeps colour codes in the text; false for pipes. */
  readonly color?: boolean;
  /** Every view's panels instead of one view's (`--view all`; JSON only). */
  readonly all?: boolean;
}
