/** Pacing and waiting: how long until a channel may be asked again. Pure; the numbers come from its record. */
import type { Timestamp } from "../model/sample.ts";
import type { Pace } from "./receiver.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** First wait after a failure, doubled each time up to the second. */
const BACKOFF_MS = 1_000;
const BACKOFF_MS_MAX = 300_000;
/** Share of the minute's budget that ordinary messages leave to critical ones, resolves and acknowledgements. */
const RESERVE = 1 / 3;

/** The moments of the last minute, `at` included. */
export function lastMinute(moments: readonly Timestamp[], at: Timestamp): readonly Timestamp[] {
  return moments.filter((moment) => moment > at - MINUTE_MS && moment <= at);
}

/**
 * Milliseconds until another request fits the pace, 0 when it does now.
 *
 * @param urgent may use the reserve.
 */
export function paceDelay(
  pace: Pace | undefined,
  sentAt: readonly Timestamp[],
  urgent: boolean,
  at: Timestamp,
): number {
  if (pace === undefined) return 0;
  const recent = lastMinute(sentAt, at);
  const budget = Math.max(1, urgent ? pace.perMinute : Math.floor(pace.perMinute * (1 - RESERVE)));
  const second = recent.at(-pace.perSecond);
  const minute = recent.at(-budget);
  return Math.max(
    0,
    second === undefined ? 0 : second + SECOND_MS - at,
    minute === undefined ? 0 : minute + MINUTE_MS - at,
  );
}

/** Wait after `failures` failures in a row; `random` (0 ≤ x < 1) spreads it by a quarter both ways. */
export function backoffMs(failures: number, random: number): number {
  const plain = Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** Math.min(20, Math.max(0, failures - 1)));
  return Math.round(plain * (0.75 + random / 2));
}
