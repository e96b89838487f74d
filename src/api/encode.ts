/**
 * Values as the Prometheus API writes them: times in float seconds, numbers as text. The JSON is built directly and
 * in pieces, since half the cost of a large answer is its text.
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats
 */
import type { Labels } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import { formatFloat, formatPlain } from "../promql/number.ts";
import type { MatrixSeries, Value, VectorValue } from "../promql/value.ts";
import { MatrixBytes } from "./matrix-bytes.ts";
import { secondsText } from "./seconds.ts";

export { secondsText } from "./seconds.ts";

/** Samples written at once. */
const JOIN_POINTS = 1_024;

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

const metrics = new WeakMap<Labels, string>();

/** Label sets live as long as their series, and so does their text. */
function metric(labels: Labels): string {
  let text = metrics.get(labels);
  if (text === undefined) metrics.set(labels, (text = JSON.stringify(labels)));
  return text;
}

function* matrixPieces(series: readonly MatrixSeries[]): Generator<Buffer> {
  const out = new MatrixBytes();
  yield* out.text('{"resultType":"matrix","result":[');
  let separator = "";
  for (const { labels, t, v } of series) {
    yield* out.text(`${separator}{"metric":${metric(labels)},"values":[`);
    yield* out.points(t, v);
    yield* out.text("]}");
    separator = ",";
  }
  yield* out.text("]}");
  yield out.last();
}

function* vectorPieces(samples: VectorValue["samples"], t: Timestamp): Generator<string> {
  yield '{"resultType":"vector","result":[';
  const value = `,"value":[${secondsText(t)},"`;
  for (let from = 0; from < samples.length; from += JOIN_POINTS) {
    const rows = samples
      .slice(from, from + JOIN_POINTS)
      .map(({ labels, v }) => `{"metric":${metric(labels)}${value}${formatFloat(v)}"]}`);
    yield (from > 0 ? "," : "") + rows.join(",");
  }
  yield "]}";
}

export interface EncodedValue {
  /** JSON text in pieces, made when asked for: a large answer never is one string. */
  readonly pieces: Iterable<string | Buffer>;
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
      return { pieces: vectorPieces(kept, value.t), truncated: kept.length < value.samples.length };
    }
    case "matrix": {
      const kept = limit > 0 ? value.series.slice(0, limit) : value.series;
      return { pieces: matrixPieces(kept), truncated: kept.length < value.series.length };
    }
  }
}

/** The same as one text, for values known to be small. */
export function encodeValue(value: Value, limit = 0): { readonly text: string; readonly truncated: boolean } {
  const { pieces, truncated } = encodePieces(value, limit);
  return { text: Array.from(pieces, String).join(""), truncated };
}
