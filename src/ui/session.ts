/**
 * The loop that keeps a screen's snapshot fresh. At most one question is on its way: a change of view or time aborts
 * the one under way and asks anew at once, and an answer that comes late is dropped. While the engine stays silent
 * the last snapshot stays, with the moment it fell silent.
 */
import type { Source } from "../api/source.ts";
import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Timestamp } from "../model/sample.ts";
import { emptyMemory, fetchSnapshot, type ScreenRequest, type Snapshot } from "./snapshot.ts";

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

interface Flight {
  readonly key: string;
  readonly since: number;
  readonly abort: AbortController;
}

export function createSession(options: SessionOptions): Session {
  const { source, clock, wanted, onTick } = options;
  const memory = emptyMemory();
  let snapshot: Snapshot | undefined;
  let connection: Connection = { silentSince: undefined, error: undefined };
  let flight: Flight | undefined;
  let askedKey = "";
  let askedAt = Number.NEGATIVE_INFINITY;
  let followed = false;
  let lastGood = clock.now();
  let focused = true;
  let closed = false;
  let tickTimer: Disposable | undefined;
  let soonTimer: Disposable | undefined;

  const fail = (error: string): void => {
    connection = { silentSince: connection.silentSince ?? lastGood, error };
  };
  const ask = (): void => {
    soonTimer?.[Symbol.dispose]();
    soonTimer = undefined;
    const request = wanted();
    const mine = { key: keyOf(request), since: clock.monotonic(), abort: new AbortController() };
    flight?.abort.abort();
    flight = mine;
    askedKey = mine.key;
    askedAt = mine.since;
    void answer(request, mine);
  };
  const answer = async (request: ScreenRequest, mine: Flight): Promise<void> => {
    try {
      const next = await fetchSnapshot(source, request, memory, mine.since, mine.abort.signal);
      if (flight !== mine || closed) return;
      snapshot = next;
      lastGood = clock.now();
      connection = { silentSince: undefined, error: undefined };
    } catch (error) {
      if (flight !== mine || closed) return;
      fail(errorText(error));
    }
    flight = undefined;
    onTick();
    // An answer may change what is worth showing (which panels have data). Ask for that now, but only once.
    if (followed || connection.error !== undefined || keyOf(wanted()) === mine.key) return;
    followed = true;
    ask();
  };
  const tick = (): void => {
    followed = false;
    schedule();
    const now = clock.monotonic();
    if (flight !== undefined) {
      const age = now - flight.since;
      if (age >= SILENT_MS) fail("no answer yet");
      if (age < GIVE_UP_MS) return onTick();
    }
    const live = wanted().live;
    const every = !live ? PAUSED_MS : focused && !options.isSlow() ? 0 : IDLE_MS;
    // A tick may come a few ms early against the last question: half a period is near enough.
    if (now - askedAt >= every - options.refreshMs / 2) ask();
    else onTick();
  };
  const schedule = (): void => {
    // On the wall clock's own seconds, so that the time in the header does not skip.
    const delay = options.refreshMs - (clock.now() % options.refreshMs);
    tickTimer = clock.after(delay, tick);
  };
  return {
    get snapshot() {
      return snapshot;
    },
    get connection() {
      return connection;
    },
    start() {
      ask();
      schedule();
    },
    changed() {
      if (closed || keyOf(wanted()) === askedKey) return;
      followed = false;
      const wait = GAP_MS - (clock.monotonic() - askedAt);
      if (wait <= 0) ask();
      else soonTimer ??= clock.after(wait, ask);
    },
    refresh() {
      memory.slow = undefined;
      if (!closed) ask();
    },
    focus(on) {
      const returned = on && !focused;
      focused = on;
      if (returned && !closed) ask();
    },
    close() {
      closed = true;
      flight?.abort.abort();
      tickTimer?.[Symbol.dispose]();
      soonTimer?.[Symbol.dispose]();
    },
  };
}

/** Two requests of one key would bring the same screen, but for the passing of time. */
function keyOf({ panels, window, live }: ScreenRequest): string {
  const asked = panels.map(({ spec, ranged }) => `${spec.id}${ranged ? "" : "@"}${spec.queries[0]?.exprs[0] ?? ""}`);
  return [live ? "live" : window.at, window.spanMs, window.columns, window.filter ?? "", ...asked].join(" ");
}
