/**
 * Which questions the query thread answers: light ones stay here, because the way there and back would cost them more
 * than they take. Both threads share one turnstile, so a limit of concurrent queries is one limit.
 */
import type { Answer } from "../../api/http.ts";
import type { Ask, EngineServices } from "../../api/services.ts";
import { parseDurationParameter } from "../../api/params.ts";
import type { Clock } from "../../base/clock.ts";
import type { Turnstile } from "../../promql/turnstile.ts";
import type { QueryThread } from "./thread.ts";
import { type Scales, weighAsk } from "./weight.ts";

/**
 * Some 150 ms of this thread for what is evaluated in turns of 10 ms: the columns' way to the other thread would cost a
 * shorter question as much again.
 */
const HEAVY_EVALUATION = 15_000_000;
/** Some 5 ms for lists of labels and samples, which cross as they are. */
const HEAVY_LIST = 500_000;

/** Who goes aside: `auto` by weight; the others are for tests and for finding faults. */
export type AsideMode = "auto" | "always" | "never";

export function asideMode(text: string | undefined): AsideMode {
  return text === "always" || text === "never" ? text : "auto";
}

export interface AsideOptions {
  readonly mode: AsideMode;
  readonly thread: QueryThread;
  readonly scales: Scales;
  readonly turnstile: Turnstile;
  readonly clock: Clock;
  /** Deadline of queries that name none. */
  readonly timeoutMs: number;
  /** Nothing is asked before everything is started. */
  readonly started: Promise<void>;
  readonly external: () => Iterable<readonly [string, string]>;
  readonly nativeHistograms: () => readonly string[];
}

/** Requests that evaluate; the others only look at labels or samples, and take no place. */
const EVALUATES: ReadonlySet<string> = new Set([
  "/api/v1/query",
  "/api/v1/query_range",
  "/api/opsmon/v1/explain",
  "/api/opsmon/v1/batch",
]);
const LABEL_VALUES = /^\/api\/v1\/label\/[^/]+\/values$/;
const QUESTIONS: ReadonlySet<string> = new Set([
  ...EVALUATES,
  "/api/v1/series",
  "/api/v1/labels",
  "/api/v1/read",
  "/api/v1/query_exemplars",
  "/api/v1/format_query",
  "/api/v1/parse_query",
  "/federate",
]);

export function createAside(options: AsideOptions): NonNullable<EngineServices["aside"]> {
  const { mode, scales } = options;
  return (ask) => {
    const { pathname } = ask.url;
    if (mode === "never" || !(QUESTIONS.has(pathname) || LABEL_VALUES.test(pathname))) return undefined;
    const heavy = EVALUATES.has(pathname) ? HEAVY_EVALUATION : HEAVY_LIST;
    if (mode === "auto" && weighAsk(ask, scales) < heavy) return undefined;
    return go(ask, options);
  };
}

async function go(ask: Ask, options: AsideOptions): Promise<Answer> {
  const { clock, thread, turnstile } = options;
  await options.started;
  const evaluates = EVALUATES.has(ask.url.pathname);
  const timeoutMs = Math.min(options.timeoutMs, wishedTimeoutMs(ask) ?? options.timeoutMs);
  const since = clock.monotonic();
  using _place = evaluates ? await turnstile.enter(timeoutMs, ask.signal) : undefined;
  const waitedMs = clock.monotonic() - since;
  // Awaited here: the place is held until the answer begins.
  return await thread.ask(ask, {
    timeoutMs,
    leftMs: waitedMs > 1 ? Math.max(1, timeoutMs - waitedMs) : undefined,
    external: [...options.external()],
    nativeHistograms: options.nativeHistograms(),
  });
}

/** What the request says itself, in its address or its form. */
function wishedTimeoutMs({ url, body }: Ask): number | undefined {
  const form = /(?:^|&)timeout=([^&]*)/.exec(body.toString("latin1"))?.[1];
  const text = form === undefined ? url.searchParams.get("timeout") : form;
  try {
    return text === null || text === "" ? undefined : parseDurationParameter(text);
  } catch {
    return undefined;
  }
}
