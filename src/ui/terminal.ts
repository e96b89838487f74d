/**
 * The terminal's modes: entered once, left once, whatever ends the program. Leaving is synchronous and best effort,
 * because it also happens while the process dies. Everything the terminal is told outside of frames is said here.
 */
import type { ProcessEvents, TerminalIn, TerminalOut } from "./options.ts";

/** Alternate screen, hidden cursor, no line wrap, focus reports, bracketed paste. */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[?1004h\u001b[?2004h\u001b[m\u001b[2J";
const LEAVE = "\u001b[?2026l\u001b[m\u001b[?2004l\u001b[?1004l\u001b[?7h\u001b[?25h\u001b[?1049l";
/** Clicks and wheel, in SGR form. */
const MOUSE_ON = "\u001b[?1000h\u001b[?1006h";
const MOUSE_OFF = "\u001b[?1006l\u001b[?1000l";

export interface TerminalModes {
  enter(): void;
  /** Gives the terminal back; safe to call again. */
  leave(): void;
  /** Tells the modes again to a terminal that may have lost them while the process was stopped. */
  repeat(): void;
  mouse(on: boolean): void;
  copy(text: string): void;
  readonly entered: boolean;
}

interface Blocking {
  readonly _handle?: { setBlocking?: (on: boolean) => void };
}

/** On Linux a terminal write waits for the reader by default: a stalled SSH link would freeze the program. */
function setBlocking(out: TerminalOut, on: boolean): void {
  (out as TerminalOut & Blocking)._handle?.setBlocking?.(on);
}

/** Longest text put on the clipboard: terminals drop longer ones. */
const COPY_CHARS_MAX = 70_000;

export function createTerminalModes(stdin: TerminalIn, stdout: TerminalOut): TerminalModes {
  let entered = false;
  let mouseOn = false;
  const modes: TerminalModes = {
    get entered() {
      return entered;
    },
    enter() {
      if (entered) return;
      entered = true;
      stdin.setRawMode?.(true);
      stdin.ref?.();
      setBlocking(stdout, false);
      stdout.write(ENTER + (mouseOn ? MOUSE_ON : ""));
    },
    leave() {
      if (!entered) return;
      entered = false;
      setBlocking(stdout, stdout.writableLength === 0);
      try {
        stdout.write((mouseOn ? MOUSE_OFF : "") + LEAVE);
        stdin.setRawMode?.(false);
      } catch {
        // The terminal is gone (SIGHUP): there is nothing left to clean.
      }
      setBlocking(stdout, true);
      stdin.unref?.();
    },
    repeat() {
      if (!entered) return;
      stdin.setRawMode?.(false);
      stdin.setRawMode?.(true);
      setBlocking(stdout, false);
      stdout.write(ENTER.replace("\u001b[?1049h", "") + (mouseOn ? MOUSE_ON : ""));
    },
    mouse(on) {
      mouseOn = on;
      if (entered) stdout.write(on ? MOUSE_ON : MOUSE_OFF);
    },
    copy(text) {
      const base64 = Buffer.from(text.slice(0, COPY_CHARS_MAX), "utf8").toString("base64");
      if (entered) stdout.write(`\u001b]52;c;${base64}\u0007`);
    },
  };
  return modes;
}

export type EndSignal = "SIGTERM" | "SIGHUP" | "SIGINT" | "SIGQUIT";
const END_SIGNALS: readonly EndSignal[] = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"];

export interface EndHandlers {
  readonly onSignal: (signal: EndSignal) => void;
  readonly onContinue: () => void;
  /** The process is dying by itself: crash or exit. Must be synchronous. */
  readonly onDeath: () => void;
}

/** Listens to everything that can end or stop a program; disposing forgets it all. */
export function watchProcess(events: ProcessEvents, handlers: EndHandlers): Disposable {
  const signals = END_SIGNALS.map((signal) => [signal, () => handlers.onSignal(signal)] as const);
  const others = [
    ["SIGCONT", handlers.onContinue],
    ["exit", handlers.onDeath],
    // The monitor runs before Node prints the error, so the text lands on the ordinary screen.
    ["uncaughtExceptionMonitor", handlers.onDeath],
  ] as const;
  for (const [name, listener] of [...signals, ...others]) events.on(name, listener);
  return {
    [Symbol.dispose]() {
      for (const [name, listener] of [...signals, ...others]) events.off(name, listener);
    },
  };
}
