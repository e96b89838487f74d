/** Answers of the Prometheus API back into values. Whatever the server sends is checked before it is believed. */
import { EXIT, UserError } from "../../base/errors.ts";
import { Labels } from "../../model/labels.ts";
import type { MatrixSeries, Value } from "../../promql/value.ts";
import { parseFloatText } from "../number-text.ts";
import type { RawAnswer } from "./http.ts";

export interface Envelope {
  readonly data: unknown;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

const WHERE = "--url takes the address under which /api/v1/query is found";
const WHO = "give --token-file, or user:password@ before the host in --url";
const EXIT_OF_TYPE: Readonly<Record<string, UserError["exit"]>> = {
  bad_data: EXIT.usage,
  execution: EXIT.usage,
  timeout: EXIT.limit,
  canceled: EXIT.limit,
  unavailable: EXIT.limit,
};

/** @throws UserError with the server's own words; `bad-answer` when it is no Prometheus envelope. */
export function openEnvelope(answer: RawAnswer, place: string): Envelope {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(answer.body.toString("utf8")) as Record<string, unknown>;
  } catch (cause) {
    const refused = answer.status === 401 || answer.status === 403;
    const what = `${answer.type || "no type"}, not with the Prometheus API`;
    throw new UserError(
      "bad-answer",
      `${place} answered ${answer.status} ${refused ? "and wants to know who asks" : `with ${what}`}`,
      { hint: refused ? WHO : WHERE, exit: EXIT.unreachable, cause },
    );
  }
  if (parsed["status"] === "success") {
    return { data: parsed["data"], warnings: texts(parsed["warnings"]), infos: texts(parsed["infos"]) };
  }
  const { errorType, error } = parsed;
  const type = typeof errorType === "string" ? errorType : "";
  const hint = parsed["hint"];
  throw new UserError(
    `server-${type.replaceAll("_", "-")}`,
    typeof error === "string" ? error : `${place} answered ${answer.status}`,
    {
      ...(typeof hint === "string" ? { hint } : answer.status === 404 ? { hint: WHERE } : {}),
      exit: EXIT_OF_TYPE[type] ?? EXIT.unreachable,
    },
  );
}

function texts(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.map(String) : [];
}

type Pair = readonly [number, string];

function matrixSeries(row: { metric?: Record<string, string>; values?: readonly Pair[] }): MatrixSeries {
  const points = row.values ?? [];
  const t = new Float64Array(points.length);
  const v = new Float64Array(points.length);
  for (let i = 0; i < points.length; i++) {
    const [seconds, number] = points[i] as Pair;
    t[i] = Math.round(seconds * 1_000);
    v[i] = parseFloatText(number);
  }
  return { labels: Labels.from(row.metric ?? {}), t, v };
}

/** @throws UserError `bad-answer`. */
export function decodeValue(data: unknown, place: string): Value {
  const { resultType, result } = (data ?? {}) as { resultType?: string; result?: unknown };
  if (Array.isArray(result)) {
    switch (resultType) {
      case "scalar":
        return { kind: "scalar", t: Math.round((result[0] as number) * 1_000), v: parseFloatText(result[1]) };
      case "string":
        return { kind: "string", t: Math.round((result[0] as number) * 1_000), s: String(result[1]) };
      case "vector": {
        const rows = result as readonly { metric?: Record<string, string>; value?: Pair }[];
        return {
          kind: "vector",
          t: Math.round((rows[0]?.value?.[0] ?? 0) * 1_000),
          samples: rows.flatMap((row) =>
            row.value === undefined ? [] : [{ labels: Labels.from(row.metric ?? {}), v: parseFloatText(row.value[1]) }],
          ),
        };
      }
      case "matrix":
        return { kind: "matrix", series: (result as readonly Parameters<typeof matrixSeries>[0][]).map(matrixSeries) };
      default:
    }
  }
  throw new UserError("bad-answer", `${place} answered with a result of type "${String(resultType)}"`, {
    exit: EXIT.unreachable,
  });
}
