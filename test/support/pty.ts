/**
 * A real terminal for tests: the program runs in a pseudo-terminal of the asked size, a headless xterm draws what it
 * writes, and the test presses keys and reads cells, as a person would.
 */
import { spawn } from "@lydell/node-pty";
import headless from "@xterm/headless";
import { eventually, isolated, pause, program } from "./process.ts";

export interface TerminalOptions {
  readonly cols: number;
  readonly rows: number;
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What runs; opsmon with `argv` unless told. */
  readonly command?: readonly [string, ...string[]];
}

export interface Cell {
  readonly text: string;
  readonly bold: boolean;
  readonly inverse: boolean;
  /** Palette index or RGB as xterm counts it; -1 is the default colour. */
  readonly color: number;
}

export interface Exit {
  readonly code: number;
  readonly signal: number;
}

export interface TestTerminal extends AsyncDisposable {
  readonly pid: number;
  /** The visible screen, one string a row, right-trimmed. */
  lines(): readonly string[];
  text(): string;
  /** `column` and `row` count from 0. */
  cell(column: number, row: number): Cell;
  /** Bytes written to the terminal so far. */
  bytes(): number;
  /** Everything written so far, escapes included. */
  raw(): string;
  alternate(): boolean;
  cursorHidden(): boolean;
  /** `none` unless the program asked for mouse reports. */
  mouse(): string;
  bracketedPaste(): boolean;
  press(keys: string): void;
  resize(cols: number, rows: number): void;
  /** Waits until the screen holds the text. @throws Error with the screen as it was last. */
  until(text: string | RegExp, timeoutMs?: number): Promise<void>;
  /** Waits until nothing was written for `quietMs`; a program that never rests ends the wait after `timeoutMs`. */
  settle(quietMs?: number, timeoutMs?: number): Promise<void>;
  readonly exit: Promise<Exit>;
  kill(signal?: string): void;
}

export const KEY = {
  up: "\u001b[A",
  down: "\u001b[B",
  right: "\u001b[C",
  left: "\u001b[D",
  enter: "\r",
  escape: "\u001b",
  tab: "\t",
  ctrlC: "\u0003",
} as const;

/** Opens opsmon (or `command`) in a terminal of its own. */
export function openTerminal(argv: readonly string[], options: TerminalOptions): TestTerminal {
  const { cols, rows } = options;
  const screen = new headless.Terminal({ cols, rows, allowProposedApi: true, scrollback: 1_000 });
  const [command, ...rest] = options.command ?? [...program(), ...argv];
  const pty = spawn(command, rest, {
    cols,
    rows,
    name: "xterm-256color",
    cwd: options.cwd ?? options.home,
    env: isolated(options.home, options.env),
  });
  let raw = "";
  let bytes = 0;
  let writtenAt = performance.now();
  let drawn = Promise.resolve();
  pty.onData((data) => {
    raw += data;
    bytes += Buffer.byteLength(data);
    writtenAt = performance.now();
    drawn = new Promise((resolve) => screen.write(data, resolve));
  });
  // a program that asks the terminal (cursor position, device attributes) gets its answer
  screen.onData((answer) => pty.write(answer));
  let ended: Exit | undefined;
  const exit = new Promise<Exit>((resolve) => {
    pty.onExit(({ exitCode, signal }) => {
      ended = { code: exitCode, signal: signal ?? 0 };
      void drawn.then(() => resolve(ended ?? { code: exitCode, signal: 0 }));
    });
  });
  const lines = (): string[] => {
    const { active } = screen.buffer;
    return Array.from(
      { length: screen.rows },
      (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? "",
    );
  };
  const text = (): string => lines().join("\n");
  return {
    pid: pty.pid,
    lines,
    text,
    cell(column, row) {
      const { active } = screen.buffer;
      const cell = active.getLine(active.viewportY + row)?.getCell(column);
      return {
        text: cell?.getChars() ?? "",
        bold: (cell?.isBold() ?? 0) !== 0,
        inverse: (cell?.isInverse() ?? 0) !== 0,
        color: cell === undefined || cell.isFgDefault() ? -1 : cell.getFgColor(),
      };
    },
    bytes: () => bytes,
    raw: () => raw,
    alternate: () => screen.buffer.active.type === "alternate",
    cursorHidden: () => raw.lastIndexOf("\u001b[?25l") > raw.lastIndexOf("\u001b[?25h"),
    mouse: () => screen.modes.mouseTrackingMode,
    bracketedPaste: () => screen.modes.bracketedPasteMode,
    press: (keys) => pty.write(keys),
    resize(nextCols, nextRows) {
      screen.resize(nextCols, nextRows);
      pty.resize(nextCols, nextRows);
    },
    async until(wanted, timeoutMs = 15_000) {
      const found = (): boolean => (typeof wanted === "string" ? text().includes(wanted) : wanted.test(text()));
      try {
        await eventually(
          String(wanted),
          () => {
            if (ended !== undefined && !found()) throw new Error(`the program ended with ${ended.code}`);
            return found();
          },
          timeoutMs,
        );
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : String(error)}; the screen was:\n${text()}`, {
          cause: error,
        });
      }
    },
    async settle(quietMs = 300, timeoutMs = 5_000) {
      const from = performance.now();
      const quiet = (): number => performance.now() - Math.max(from, writtenAt);
      while (performance.now() < from + timeoutMs && quiet() < quietMs) await pause(20);
      await drawn;
    },
    exit,
    kill: (signal) => pty.kill(signal),
    async [Symbol.asyncDispose]() {
      if (ended === undefined) {
        pty.kill("SIGKILL");
        await exit;
      }
      screen.dispose();
    },
  };
}
