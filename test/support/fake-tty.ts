/**
 * A terminal inside the test process: streams with the shape of a TTY, an xterm that draws what is written, and a
 * process that records signals instead of dying. A stalled terminal takes no bytes until it is released.
 */
import { EventEmitter } from "node:events";
import headless from "@xterm/headless";
import type { ProcessEvents, TerminalIn, TerminalOut } from "../../src/ui/options.ts";

export interface FakeTty {
  readonly stdin: TerminalIn;
  readonly stdout: TerminalOut;
  readonly process: ProcessEvents & {
    readonly killed: readonly string[];
    emit(event: string, ...args: unknown[]): void;
  };
  /** Everything written, in order. */
  readonly writes: readonly string[];
  readonly raw: string;
  readonly rawMode: boolean;
  press(keys: string): void;
  resize(width: number, height: number): void;
  stall(): void;
  release(): void;
  /** The screen as a person sees it, after all bytes were drawn. */
  screen(): Promise<readonly string[]>;
  text(): Promise<string>;
  alternate(): boolean;
  cursorHidden(): boolean;
}

export function fakeTty(width: number, height: number): FakeTty {
  const terminal = new headless.Terminal({ cols: width, rows: height, allowProposedApi: true, scrollback: 0 });
  const writes: string[] = [];
  const killed: string[] = [];
  const input = new EventEmitter();
  const output = new EventEmitter();
  const events = new EventEmitter();
  let size = { columns: width, rows: height };
  let stalled: string[] | undefined;
  let rawMode = false;
  const stdin = Object.assign(input, {
    isTTY: true,
    setRawMode: (on: boolean): void => {
      rawMode = on;
    },
    setEncoding: (): void => undefined,
    resume: (): void => undefined,
    pause: (): void => undefined,
  });
  const stdout = Object.defineProperties(output, {
    isTTY: { value: true },
    columns: { get: () => size.columns },
    rows: { get: () => size.rows },
    writableLength: { get: () => (stalled ?? []).join("").length },
    write: {
      value: (text: string): boolean => {
        writes.push(text);
        if (stalled === undefined) terminal.write(text);
        else stalled.push(text);
        return stalled === undefined;
      },
    },
  }) as unknown as TerminalOut;
  const drawn = (): Promise<void> => new Promise((resolve) => terminal.write("", resolve));
  const core = (terminal as unknown as { _core: { coreService: { isCursorHidden: boolean } } })._core;
  const screen = async (): Promise<readonly string[]> => {
    await drawn();
    const { active } = terminal.buffer;
    return Array.from(
      { length: terminal.rows },
      (_, y) => active.getLine(active.viewportY + y)?.translateToString(true) ?? "",
    );
  };
  return {
    stdin: stdin as unknown as TerminalIn,
    stdout,
    process: Object.assign(events, {
      pid: 1,
      killed,
      kill: (_: number, signal: string): void => {
        killed.push(signal);
      },
    }) as unknown as FakeTty["process"],
    writes,
    get raw() {
      return writes.join("");
    },
    get rawMode() {
      return rawMode;
    },
    press: (keys) => void input.emit("data", keys),
    resize(columns, rows) {
      size = { columns, rows };
      terminal.resize(columns, rows);
      output.emit("resize");
    },
    stall() {
      stalled ??= [];
    },
    release() {
      for (const text of stalled ?? []) terminal.write(text);
      stalled = undefined;
      output.emit("drain");
    },
    screen,
    text: async () => (await screen()).join("\n"),
    alternate: () => terminal.buffer.active.type === "alternate",
    cursorHidden: () => core.coreService.isCursorHidden,
  };
}
