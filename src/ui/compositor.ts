/**
 * Stands between ink and the terminal. Ink (in debug mode) writes whole frames into `stream`; charts arrive as drawn
 * rectangles; `present` composes both, sends only the cells that changed, in one write inside a synchronised update.
 * While the terminal has not taken the last frame nothing more is sent: the newest frame waits and older ones are
 * dropped, so a stalled SSH link costs frames and never memory or a blocked event loop.
 */
import { EventEmitter } from "node:events";
import type { Clock } from "../base/clock.ts";
import type { CellGrid, Size } from "../draw/cell.ts";
import { blankGrid, composeCells, createInk, type Ink, type Overlay } from "./cells.ts";
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
  readonly slow: boolean;
  readonly stats: CompositorStats;
  /** Sends nothing any more. */
  stop(): void;
}

export interface CompositorOptions {
  readonly clock: Clock;
  /** SGR parameters of a theme style number. */
  readonly sgr: (themeStyle: number) => string;
}

export function createCompositor(out: TerminalOut, options: CompositorOptions): Compositor {
  return new CellCompositor(out, options);
}

class CellCompositor implements Compositor {
  readonly stream: NodeJS.WriteStream;
  readonly #out: TerminalOut;
  readonly #options: CompositorOptions;
  readonly #ink: Ink = createInk();
  readonly #rows: Map<string, CellGrid> = new Map();
  readonly #stats: { frames: number; bytes: number; skipped: number } = { frames: 0, bytes: 0, skipped: 0 };
  #text = "";
  #overlays: readonly Overlay[] = [];
  #shown: CellGrid | undefined;
  #retry: Disposable | undefined;
  #waited = 0;
  #stopped = false;

  constructor(out: TerminalOut, options: CompositorOptions) {
    this.#out = out;
    this.#options = options;
    this.stream = inkStream(out, (frame) => {
      this.#text = frame;
    });
  }

  get size(): Size {
    return sizeOf(this.#out);
  }

  get slow(): boolean {
    return this.#waited >= SLOW_AFTER;
  }

  get stats(): CompositorStats {
    return { ...this.#stats };
  }

  overlay(overlays: readonly Overlay[]): void {
    this.#overlays = overlays;
  }

  invalidate(): void {
    this.#shown = undefined;
  }

  present(): void {
    if (this.#stopped) return;
    if (this.#retry === undefined && this.#out.writableLength === 0) {
      this.#waited = 0;
      this.#send();
      return;
    }
    this.#stats.skipped++;
    if (this.#retry === undefined) this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.[Symbol.dispose]();
  }

  /** Looks again until the terminal has taken the last frame; the newest one is composed only then. */
  #wait(): void {
    this.#waited++;
    this.#retry = this.#options.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      if (this.#stopped) return;
      if (this.#out.writableLength > 0) this.#wait();
      else this.#send();
    });
  }

  #send(): void {
    const { size } = this;
    const compose = { ink: this.#ink, sgr: this.#options.sgr };
    const next = composeCells(this.#text, this.#overlays, size, compose, this.#rows);
    const shown = this.#shown;
    const whole = shown?.width !== size.width || shown.height !== size.height;
    const before = whole ? blankGrid(size) : shown;
    const changes = (whole ? "\u001b[m\u001b[2J" : "") + diffCells(before, next, this.#ink);
    this.#shown = next;
    if (changes === "") return;
    const bytes = `\u001b[?2026h${changes}\u001b[?2026l`;
    this.#stats.frames++;
    this.#stats.bytes += Buffer.byteLength(bytes);
    this.#out.write(bytes);
  }
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
