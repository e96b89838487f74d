/**
 * Splits what a terminal sends. Ink drops mouse and focus reports, so they are taken out first and become events;
 * everything else goes on to ink unchanged. A sequence may arrive in pieces: an unfinished one is held back until its
 * end comes, or until a moment has passed, since a lone Escape is a key.
 */
import { PassThrough } from "node:stream";
import type { Clock } from "../base/clock.ts";
import type { TerminalIn } from "./options.ts";

export interface MouseReport {
  readonly kind: "press" | "release" | "wheel-up" | "wheel-down";
  /** Cells from 0. */
  readonly x: number;
  readonly y: number;
}

export interface InputSplitter {
  /** What ink believes to be stdin. */
  readonly stream: NodeJS.ReadStream;
  /** Starts and stops taking from the terminal; stopped, ink hears nothing. */
  attach(): void;
  detach(): void;
}

export interface InputEvents {
  readonly onMouse: (report: MouseReport) => void;
  readonly onFocus: (focused: boolean) => void;
  /** The terminal is gone. */
  readonly onEnd: () => void;
}

/** How long an unfinished report may wait for its end, ms: longer than any link splits a packet. */
const HOLD_MS = 50;
/** SGR mouse report or focus report. @see https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */
// oxlint-disable-next-line no-control-regex
const REPORT = /\u001b\[<(\d{1,4});(\d{1,5});(\d{1,5})([Mm])|\u001b\[([IO])/g;
/** The beginning of a report at the very end of a chunk; a bare ESC is left to ink. */
// oxlint-disable-next-line no-control-regex
const UNFINISHED = /\u001b\[(?:<[\d;]{0,18})?$/;
const WHEEL = 64;

export function splitInput(input: TerminalIn, clock: Clock, events: InputEvents): InputSplitter {
  const stream = new PassThrough();
  let held = "";
  let timer: Disposable | undefined;
  const flush = (): void => {
    if (held === "") return;
    stream.write(held);
    held = "";
  };
  const onData = (chunk: string | Uint8Array): void => {
    timer?.[Symbol.dispose]();
    const { text, rest } = takeReports(held + String(chunk), events);
    held = rest;
    if (held !== "") timer = clock.after(HOLD_MS, flush);
    if (text !== "") stream.write(text);
  };
  const onEnd = (): void => events.onEnd();
  Object.assign(stream, {
    isTTY: input.isTTY === true,
    // Raw mode belongs to the console as a whole: ink switching it off between two renders would echo keys.
    setRawMode: () => stream,
    ref: () => stream,
    unref: () => stream,
  });
  return {
    stream: stream as unknown as NodeJS.ReadStream,
    attach() {
      input.setEncoding("utf8");
      input.on("data", onData);
      input.on("end", onEnd);
      input.on("error", onEnd);
      input.resume();
    },
    detach() {
      timer?.[Symbol.dispose]();
      input.off("data", onData);
      input.off("end", onEnd);
      input.off("error", onEnd);
      input.pause();
    },
  };
}

function takeReports(data: string, events: InputEvents): { readonly text: string; readonly rest: string } {
  const unfinished = UNFINISHED.exec(data);
  const whole = unfinished === null ? data : data.slice(0, unfinished.index);
  const text = whole.replace(REPORT, (_, button: string, x: string, y: string, end: string, focus: string) => {
    if (focus !== undefined) events.onFocus(focus === "I");
    else events.onMouse({ kind: mouseKind(Number(button), end), x: Number(x) - 1, y: Number(y) - 1 });
    return "";
  });
  return { text, rest: unfinished?.[0] ?? "" };
}

function mouseKind(button: number, end: string): MouseReport["kind"] {
  if ((button & WHEEL) !== 0) return (button & 1) === 0 ? "wheel-up" : "wheel-down";
  return end === "M" ? "press" : "release";
}
