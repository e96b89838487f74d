/**
 * Values as the Prometheus API writes them: times in float seconds, numbers as text. The text is built directly,
 * since half the cost of a big range answer is its JSON.
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats
 */
import type { Labels } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import { formatFloat, formatPlain } from "../promql/number.ts";
import type { Value } from "../promql/value.ts";

/** Points gathered before they are joined into one string. */
const JOIN_POINTS = 4_096;

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

function points(t: Float64Array, v: Float64Array): string {
  const parts: string[] = [];
  let out = "";
  for (let i = 0; i < t.length; i++) {
    parts.push(point(t[i] as number, v[i] as number));
    if (parts.length === JOIN_POINTS) {
      out += (out === "" ? "" : ",") + parts.join(",");
      parts.length = 0;
    }
  }
  return parts.length === 0 ? out : out + (out === "" ? "" : ",") + parts.join(",");
}

/** `{"resultType": …, "result": …}` as JSON text. `limit` of 0 keeps every series. */
export function encodeValue(value: Value, limit = 0): { readonly text: string; readonly truncated: boolean } {
  switch (value.kind) {
    case "scalar":
      return {
        text: `{"resultType":"scalar","result":[${secondsText(value.t)},"${formatPlain(value.v)}"]}`,
        truncated: false,
      };
    case "string":
      return {
        text: `{"resultType":"string","result":[${secondsText(value.t)},${JSON.stringify(value.s)}]}`,
        truncated: false,
      };
    case "vector": {
      const kept = limit > 0 ? value.samples.slice(0, limit) : value.samples;
      const rows = kept.map((sample) => `{"metric":${metric(sample.labels)},"value":${point(value.t, sample.v)}}`);
      return {
        text: `{"resultType":"vector","result":[${rows.join(",")}]}`,
        truncated: kept.length < value.samples.length,
      };
    }
    case "matrix": {
      const kept = limit > 0 ? value.series.slice(0, limit) : value.series;
      const rows = kept.map((one) => `{"metric":${metric(one.labels)},"values":[${points(one.t, one.v)}]}`);
      return {
        text: `{"resultType":"matrix","result":[${rows.join(",")}]}`,
        truncated: kept.length < value.series.length,
      };
    }
  }
}
