/**
 * Request parameters as Prometheus reads them: query string and form body together, times as float seconds or
 * RFC 3339, durations as float seconds or `5m`.
 */
import { UserError } from "../base/errors.ts";
import { parseDuration } from "../model/duration.ts";
import type { Timestamp } from "../model/sample.ts";

/** What Prometheus accepts as "the beginning" and "the end" of time in start and end parameters. */
const MIN_TIME_TEXT = "-292273086-05-16T16:47:06Z";
const MAX_TIME_TEXT = "+292277025-08-18T07:12:54.999999999Z";
const RFC3339 = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/i;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
/** Largest time a request may name, ms: what int64 nanoseconds hold, as in Prometheus. */
export const TIME_MS_MAX = 9_223_372_036_854;

/** @throws UserError `bad-parameter`. */
export function parseTimestamp(text: string): Timestamp {
  if (FLOAT.test(text)) {
    const ms = Math.round(Number(text) * 1_000);
    if (Number.isSafeInteger(ms)) return ms;
  } else if (RFC3339.test(text)) {
    const ms = Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
    if (Number.isFinite(ms)) return ms;
  } else if (text === MIN_TIME_TEXT) return -TIME_MS_MAX;
  else if (text === MAX_TIME_TEXT) return TIME_MS_MAX;
  throw new UserError("bad-parameter", `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
}

/** @returns ms. @throws UserError `bad-parameter`. */
export function parseDurationParameter(text: string): number {
  if (FLOAT.test(text)) {
    const ms = Math.round(Number(text) * 1_000);
    if (Number.isSafeInteger(ms)) return ms;
    throw new UserError(
      "bad-parameter",
      `cannot parse ${JSON.stringify(text)} to a valid duration. It overflows int64`,
    );
  }
  try {
    return parseDuration(text);
  } catch (cause) {
    throw new UserError("bad-parameter", `cannot parse ${JSON.stringify(text)} to a valid duration`, { cause });
  }
}

/** Parameters of one request; every reader names the parameter in its error. */
export class Parameters {
  readonly #all: URLSearchParams;
  constructor(all: URLSearchParams) {
    this.#all = all;
  }

  text(name: string): string | undefined {
    const value = this.#all.get(name);
    return value === null || value === "" ? undefined : value;
  }

  list(name: string): readonly string[] {
    return this.#all.getAll(name);
  }

  time(name: string, fallback: Timestamp): Timestamp {
    return this.#read(name, parseTimestamp) ?? fallback;
  }

  requiredTime(name: string): Timestamp {
    return this.#read(name, parseTimestamp) ?? this.#refuse(name, 'cannot parse "" to a valid timestamp');
  }

  duration(name: string): number | undefined {
    return this.#read(name, parseDurationParameter);
  }

  requiredDuration(name: string): number {
    return this.duration(name) ?? this.#refuse(name, 'cannot parse "" to a valid duration');
  }

  /** A whole number of 0 or more; 0 means no limit. */
  limit(name = "limit"): number {
    const text = this.text(name);
    if (text === undefined) return 0;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      return this.#refuse(name, `cannot parse ${JSON.stringify(text)} to a valid limit: limit must be non-negative`);
    }
    return value;
  }

  /** A whole number with its sign. */
  integer(name: string, fallback: number): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value)) {
      return this.#refuse(name, `${JSON.stringify(text)} is not a whole number`);
    }
    return value;
  }

  /** `1`, `t`, `true` and their like, as Go's `ParseBool` has them. */
  flag(name: string): boolean {
    const text = this.text(name);
    if (text === undefined || /^(?:0|f|F|false|FALSE|False)$/.test(text)) return false;
    if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
    return this.#refuse(name, `${JSON.stringify(text)} is neither true nor false`);
  }

  #read<T>(name: string, parse: (text: string) => T): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof UserError) return this.#refuse(name, error.message);
      throw error;
    }
  }

  #refuse(name: string, why: string): never {
    throw new UserError("bad-parameter", `invalid parameter "${name}": ${why}`);
  }
}
