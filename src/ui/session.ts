/**
 * The loop that keeps a screen's snapshot fresh. At most one question is on its way: a change of view or time aborts
 * the one under way and asks anew at once, and an answer that comes late is dropped. While the engine stays silent
 * the last snapshot stays, with the moment it fell silent.
 */
import type { Source } from "../api/source.ts";
import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Timestamp } from "../model/sample.ts";
import { emptyMemory, fetchSnapshot, type Memory, type ScreenRequest, type Snapshot } from "./snapshot.ts";

export interface Connection {
  /** When the engine stopped answering; undefined while it answers. */
  readonly silentSince: Timestamp | undefined;
  readonly error: string | undefined;
}

export interface Session {
  readonly snapshot: Snapshot | undefined;
  readonly connection: Connection;
  start(): void;
  /** Something was chosen: asks at once when the question has changed. */
  changed(): void;
  /** Asks at once whatever has been asked: a command has been carried out. */
  refresh(): void;
  /** An unfocused terminal is asked for less often. */
  focus(focused: boolean): void;
  close(): void;
}

export interface SessionOptions {
  readonly source: Source;
  readonly clock: Clock;
  readonly refreshMs: number;
  /** What the screen wants now. */
  readonly wanted: () => ScreenRequest;
  /** A snapshot, a failure or a second has passed: draw. */
  readonly onTick: () => void;
  /** Brings an engine of the screen's own back when questions fail; rejects with why it could not. */
  readonly revive?: (() => Promise<void>) | undefined;
  /** True while the terminal does not take frames as fast as they come. */
  readonly isSlow: () => boolean;
}

/** An answer this late makes the header say that the engine does not answer, ms. */
const SILENT_MS = 3_000;
/** A question this old is given up, ms. */
const GIVE_UP_MS = 12_000;
/** Refresh of a terminal nobody looks at, and of one that cannot keep up, ms. */
const IDLE_MS = 5_000;
/** A paused screen changes only by commands and late records. */
const PAUSED_MS = 10_000;
/** Key repeat must not become a question each: at most one in this time, ms. */
const GAP_MS = 40;
/** Pauses between attempts to bring the engine back: twice as long each time, between these bounds, ms. */
const REVIVE_MIN_MS = 1_000;
const REVIVE_MAX_MS = 30_000;
/**
 * An engine that has answered for so long after its revival is well again: the next attempt is at once, ms. Starting
 * one costs about half a second of a core, so one that dies this often is the dearest that is not waited for.
 */
const WELL_MS = 10_000;

interface Flight {
  readonly key: string;
  readonly since: number;
  readonly abort: AbortController;
}

export function createSession(options: SessionOptions): Session {
  return new PollingSession(options);
}

class PollingSession implements Session {
  readonly #options: SessionOptions;
  readonly #memory: Memory = emptyMemory();
  #snapshot: Snapshot | undefined;
  #connection: Connection = { silentSince: undefined, error: undefined };
  #flight: Flight | undefined;
  #askedKey = "";
  #askedAt: number = Number.NEGATIVE_INFINITY;
  #followed = false;
  #lastGood: Timestamp;
  #focused = true;
  #closed = false;
  #reviving = false;
  /** Why the engine could not be brought back: says more than that nobody answers. */
  #reviveError: string | undefined;
  #revivals = 0;
  #reviveAt: number = Number.NEGATIVE_INFINITY;
  #tickTimer: Disposable | undefined;
  #soonTimer: Disposable | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#lastGood = options.clock.now();
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  get connection(): Connection {
    return this.#connection;
  }

  start(): void {
    this.#ask();
    this.#schedule();
  }

  changed(): void {
    if (this.#closed || keyOf(this.#options.wanted()) === this.#askedKey) return;
    this.#followed = false;
    const { clock } = this.#options;
    const wait = GAP_MS - (clock.monotonic() - this.#askedAt);
    if (wait <= 0) this.#ask();
    else this.#soonTimer ??= clock.after(wait, () => this.#ask());
  }

  refresh(): void {
    this.#memory.slow = undefined;
    if (!this.#closed) this.#ask();
  }

  focus(focused: boolean): void {
    const returned = focused && !this.#focused;
    this.#focused = focused;
    if (returned && !this.#closed) this.#ask();
  }

  close(): void {
    this.#closed = true;
    this.#flight?.abort.abort();
    this.#tickTimer?.[Symbol.dispose]();
    this.#soonTimer?.[Symbol.dispose]();
  }

  #ask(): void {
    this.#soonTimer?.[Symbol.dispose]();
    this.#soonTimer = undefined;
    const request = this.#options.wanted();
    const mine = { key: keyOf(request), since: this.#options.clock.monotonic(), abort: new AbortController() };
    this.#flight?.abort.abort();
    this.#flight = mine;
    this.#askedKey = mine.key;
    this.#askedAt = mine.since;
    void this.#answer(request, mine);
  }

  async #answer(request: ScreenRequest, mine: Flight): Promise<void> {
    const { source, clock, wanted, onTick } = this.#options;
    try {
      const next = await fetchSnapshot(source, request, this.#memory, mine.since, mine.abort.signal);
      if (this.#isLate(mine)) return;
      this.#snapshot = next;
      this.#lastGood = clock.now();
      this.#connection = { silentSince: undefined, error: undefined };
      this.#reviveError = undefined;
    } catch (error) {
      if (this.#isLate(mine)) return;
      this.#fail(this.#reviveError ?? errorText(error));
      void this.#revive();
    }
    this.#flight = undefined;
    onTick();
    // An answer may change what is worth showing (which panels have data). Ask for that now, but only once.
    if (this.#followed || this.#connection.error !== undefined || keyOf(wanted()) === mine.key) return;
    this.#followed = true;
    this.#ask();
  }

  async #revive(): Promise<void> {
    const { revive, clock, onTick } = this.#options;
    const now = clock.monotonic();
    // The next tick comes on the clock's own second: a few ms early is near enough.
    if (revive === undefined || this.#reviving || now < this.#reviveAt - GAP_MS) return;
    if (now - this.#reviveAt > WELL_MS) this.#revivals = 0;
    this.#reviving = true;
    try {
      await revive();
      if (!this.#closed) this.#ask();
    } catch (error) {
      this.#reviveError = errorText(error);
      this.#fail(this.#reviveError);
      if (!this.#closed) onTick();
    }
    this.#reviving = false;
    this.#reviveAt = clock.monotonic() + Math.min(REVIVE_MAX_MS, REVIVE_MIN_MS * 2 ** this.#revivals);
    this.#revivals++;
  }

  #isLate(mine: Flight): boolean {
    return this.#flight !== mine || this.#closed;
  }

  #fail(error: string): void {
    this.#connection = { silentSince: this.#connection.silentSince ?? this.#lastGood, error };
  }

  #tick(): void {
    const { clock, wanted, onTick, isSlow, refreshMs } = this.#options;
    this.#followed = false;
    this.#schedule();
    const now = clock.monotonic();
    if (this.#flight !== undefined) {
      const age = now - this.#flight.since;
      if (age >= SILENT_MS) this.#fail("no answer yet");
      if (age < GIVE_UP_MS) return onTick();
    }
    const every = !wanted().live ? PAUSED_MS : this.#focused && !isSlow() ? 0 : IDLE_MS;
    // A tick may come a few ms early against the last question: half a period is near enough.
    if (now - this.#askedAt >= every - refreshMs / 2) this.#ask();
    else onTick();
  }

  /** On the wall clock's own seconds, so that the time in the header does not skip. */
  #schedule(): void {
    const { clock, refreshMs } = this.#options;
    this.#tickTimer = clock.after(refreshMs - (clock.now() % refreshMs), () => this.#tick());
  }
}

/** Two requests of one key would bring the same screen, but for the passing of time. */
function keyOf({ panels, window, live, targets }: ScreenRequest): string {
  const asked = panels.map(({ spec, ranged }) => `${spec.id}${ranged ? "" : "@"}${spec.queries[0]?.exprs[0] ?? ""}`);
  return [
    live ? "live" : window.at,
    window.spanMs,
    window.columns,
    window.filter ?? "",
    targets === true ? "T" : "",
    ...asked,
  ].join(" ");
}
