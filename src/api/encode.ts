/**
 * Values as the Prometheus API writes them: times in float seconds, numbers as text. The text is built directly,
 * since half the cost of a big range answer is its JSON.
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats
 */
import type { Labels } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import { formatFloat, formatPlain } from "../promql/number.ts";
import type { MatrixSeries, Value, VectorValue } from "../promql/value.ts";

/** Points gathered before they are joined into one string. */
const JOIN_POINTS = 1_024;
/** Characters of a piece: under a millisecond of work. */
const PIECE_CHARS = 65_536;

/** Unix ms as float seconds with at most three decimals, no trailing zeros. */
export function secondsText(ms: Timestamp): string {
  if (ms % 1_000 === 0) return String(ms / 1_000);
  const sign = ms < 0 ? "-" : "";
  const whole = Math.abs(ms);
  const fraction = String(whole % 1_000)
    .padStart(3, "0")
    .replace(/0+$/, "");
  return `${sign}${Math.floor(whole / 1_000)}.${fraction}`;
}

/** RFC 3339 in UTC; never is Go's zero time. */
export function instantText(ms: Timestamp): string {
  return ms === 0 ? "0001-01-01T00:00:00Z" : new Date(ms).toISOString();
}

/** Go's `%e` with the shortest digits that read back, as `/api/v1/alerts` prints values: `1e+00`, `2.5e-07`. */
export function formatExponent(v: number): string {
  if (!Number.isFinite(v)) return formatFloat(v);
  const [digits, exponent] = v.toExponential().split("e") as [string, string];
  return `${Object.is(v, -0) ? "-" : ""}${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

function metric(labels: Labels): string {
  return JSON.stringify(labels);
}

function point(t: Timestamp, v: number): string {
  return `[${secondsText(t)},"${formatFloat(v)}"]`;
}

/** Texts of times: series of one range share their grid, so each time is written once and not once a series. */
class TimeTexts {
  #t: Float64Array = new Float64Array(0);
  #texts: string[] = [];

  of(t: Float64Array): readonly string[] {
    if (t === this.#t) return this.#texts;
    const before = this.#t;
    const known = this.#texts;
    const texts: string[] = [];
    let j = 0;
    for (const at of t) {
      while (j < before.length && (before[j] as number) < at) j++;
      texts.push(before[j] === at ? (known[j] as string) : `[${secondsText(at)},"`);
    }
    // A series with gaps knows fewer times than the one before it.
    if (t.length >= before.length) [this.#t, this.#texts] = [t, texts];
    return texts;
  }
}

function* points(times: TimeTexts, t: Float64Array, v: Float64Array): Generator<string> {
  const texts = times.of(t);
  const parts: string[] = [];
  for (let i = 0; i < t.length; i++) {
    parts.push(`${texts[i] as string}${formatFloat(v[i] as number)}"]`);
    if (parts.length === JOIN_POINTS) {
      yield `${parts.join(",")}${i + 1 < t.length ? "," : ""}`;
      parts.length = 0;
    }
  }
  if (parts.length > 0) yield parts.join(",");
}

function* matrixPieces(series: readonly MatrixSeries[]): Generator<string> {
  const times = new TimeTexts();
  yield '{"resultType":"matrix","result":[';
  let separator = "";
  for (const { labels, t, v } of series) {
    yield `${separator}{"metric":${metric(labels)},"values":[`;
    yield* points(times, t, v);
    yield "]}";
    separator = ",";
  }
  yield "]}";
}

function* vectorPieces(samples: VectorValue["samples"], t: Timestamp): Generator<string> {
  yield '{"resultType":"vector","result":[';
  for (let from = 0; from < samples.length; from += JOIN_POINTS) {
    const rows = samples
      .slice(from, from + JOIN_POINTS)
      .map(({ labels, v }) => `{"metric":${metric(labels)},"value":${point(t, v)}}`);
    yield (from > 0 ? "," : "") + rows.join(",");
  }
  yield "]}";
}

/** Few large pieces instead of many small ones: each costs a turn of the sender's loop. */
function* gathered(pieces: Iterable<string>): Generator<string> {
  let out = "";
  for (const piece of pieces) {
    out += piece;
    if (out.length < PIECE_CHARS) continue;
    yield out;
    out = "";
  }
  if (out !== "") yield out;
}

export interface EncodedValue {
  /** JSON text in pieces, made when asked for: a large answer never is one string. */
  readonly pieces: Iterable<string>;
  readonly truncated: boolean;
}

/** `{"resultType": …, "result": …}`. `limit` of 0 keeps every series. */
export function encodePieces(value: Value, limit = 0): EncodedValue {
  switch (value.kind) {
    case "scalar": {
      const text = `{"resultType":"scalar","result":[${secondsText(value.t)},"${formatPlain(value.v)}"]}`;
      return { pieces: [text], truncated: false };
    }
    case "string": {
      const text = `{"resultType":"string","result":[${secondsText(value.t)},${JSON.stringify(value.s)}]}`;
      return { pieces: [text], truncated: false };
    }
    case "vector": {
      const kept = limit > 0 ? value.samples.slice(0, limit) : value.samples;
      return { pieces: gathered(vectorPieces(kept, value.t)), truncated: kept.length < value.samples.length };
    }
    case "matrix": {
      const kept = limit > 0 ? value.series.slice(0, limit) : value.series;
      return { pieces: gathered(matrixPieces(kept)), truncated: kept.length < value.series.length };
    }
  }
}

/** The same as one text, for values known to be small. */
export function encodeValue(value: Value, limit = 0): { readonly text: string; readonly truncated: boolean } {
  const { pieces, truncated } = encodePieces(value, limit);
  return { text: [...pieces].join(""), truncated };
}
