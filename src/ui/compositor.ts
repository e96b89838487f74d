/**
 * Stands between ink and the terminal. Ink (in debug mode) writes whole frames into `stream`; charts arrive as drawn
 * rectangles; `present` composes both, sends only the cells that changed, in one write inside a synchronised update.
 * While the terminal has not taken the last frame nothing more is sent: the newest frame waits and older ones are
 * dropped, so a stalled SSH link costs frames and never memory or a blocked event loop.
 */
import { EventEmitter } from "node:events";
import type { Clock } from "../base/clock.ts";
import type { CellGrid, Size } from "../draw/cell.ts";
import { blankGrid, composeCells, createInk, type Overlay } from "./cells.ts";
import { diffCells } from "./diff.ts";
import type { TerminalOut } from "./options.ts";

/** How soon a waiting frame looks whether the terminal took the last one. */
const RETRY_MS = 50;
/** Frames in a row that had to wait before the link counts as slow. */
const SLOW_AFTER = 2;
/** Where a terminal does not tell its size. */
const SIZE_DEFAULT: Size = { width: 80, height: 24 };
/** Largest terminal drawn; what a hostile or broken size report asks beyond it stays blank. */
const WIDTH_MAX = 500;
const HEIGHT_MAX = 200;

export interface CompositorStats {
  readonly frames: number;
  readonly bytes: number;
  readonly skipped: number;
}

export interface Compositor {
  /** What ink believes to be stdout. */
  readonly stream: NodeJS.WriteStream;
  readonly size: Size;
  /** The rectangles of the next frame. */
  overlay(overlays: readonly Overlay[]): void;
  /** Sends what differs from the terminal, now or as soon as the terminal is ready. */
  present(): void;
  /** Forgets what the terminal shows: the next frame is drawn whole. */
  invalidate(): void;
  /** The last frame composed, shown or waiting. */
  readonly cells: CellGrid | undefined;
  readonly slow: boolean;
  readonly stats: CompositorStats;
  /** Sends nothing any more. */
  stop(): void;
}

export function createCompositor(
  out: TerminalOut,
  options: { readonly clock: Clock; readonly sgr: (themeStyle: number) => string },
): Compositor {
  const ink = createInk();
  const cache = new Map<string, CellGrid>();
  const stats = { frames: 0, bytes: 0, skipped: 0 };
  let text = "";
  let overlays: readonly Overlay[] = [];
  let shown: CellGrid | undefined;
  let last: CellGrid | undefined;
  let retry: Disposable | undefined;
  let waited = 0;
  let stopped = false;

  const send = (): void => {
    const size = sizeOf(out);
    const next = composeCells(text, overlays, size, { ink, sgr: options.sgr }, cache);
    last = next;
    const whole = shown?.width !== size.width || shown.height !== size.height;
    const before = whole ? blankGrid(size) : (shown as CellGrid);
    const changes = (whole ? "\u001b[m\u001b[2J" : "") + diffCells(before, next, ink);
    shown = next;
    if (changes === "") return;
    const bytes = `\u001b[?2026h${changes}\u001b[?2026l`;
    stats.frames++;
    stats.bytes += Buffer.byteLength(bytes);
    out.write(bytes);
  };
  const present = (): void => {
    if (stopped || retry !== undefined) {
      if (!stopped) stats.skipped++;
      return;
    }
    if (out.writableLength === 0) {
      waited = 0;
      send();
      return;
    }
    stats.skipped++;
    waited++;
    const wait = (): void => {
      retry = options.clock.after(RETRY_MS, () => {
        retry = undefined;
        if (stopped) return;
        if (out.writableLength > 0) {
          waited++;
          wait();
        } else send();
      });
    };
    wait();
  };
  return {
    stream: inkStream(out, (frame) => {
      text = frame;
    }),
    get size() {
      return sizeOf(out);
    },
    overlay(next) {
      overlays = next;
    },
    present,
    invalidate() {
      shown = undefined;
    },
    get cells() {
      return last;
    },
    get slow() {
      return waited >= SLOW_AFTER;
    },
    get stats() {
      return { ...stats };
    },
    stop() {
      stopped = true;
      retry?.[Symbol.dispose]();
    },
  };
}

function sizeOf(out: TerminalOut): Size {
  return {
    width: Math.min(WIDTH_MAX, Math.max(1, out.columns || SIZE_DEFAULT.width)),
    height: Math.min(HEIGHT_MAX, Math.max(1, out.rows || SIZE_DEFAULT.height)),
  };
}

// oxlint-disable-next-line no-control-regex
const ONLY_ESCAPES = /^(?:\u001b\[[\d;?]*[A-Za-z]|\n)*$/;

/**
 * A stream ink can render to. It keeps the frames and drops everything else: the console itself owns screen modes,
 * cursor and erasing. `columns` must stay a getter, or ink lays out for the size of the first frame for ever.
 */
function inkStream(out: TerminalOut, onFrame: (text: string) => void): NodeJS.WriteStream {
  const stream = new EventEmitter() as EventEmitter & Record<string, unknown>;
  Object.defineProperties(stream, {
    columns: { get: () => sizeOf(out).width },
    rows: { get: () => sizeOf(out).height },
  });
  const write = (data: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    const frame = String(data);
    if (!ONLY_ESCAPES.test(frame)) onFrame(frame);
    const callback = typeof encoding === "function" ? encoding : done;
    if (typeof callback === "function") callback();
    return true;
  };
  Object.assign(stream, { isTTY: true, writable: true, writableLength: 0, write, end: () => stream });
  return stream as unknown as NodeJS.WriteStream;
}
