/**
 * Samples as JSON for scripts that have no client library:
 * `{"metrics": [{"name": "jobs_total", "labels": {"kind": "mail"}, "value": 3, "timestamp": 1795167900000}]}`.
 * Times are unix ms; a sample without one is of now. One mistake refuses the whole body: half a push is worse.
 */
import { UserError } from "../base/errors.ts";
import { Labels, METRIC_NAME } from "../model/labels.ts";
import { NO_REF } from "../model/sample.ts";
import type { AppendResult } from "../storage/storage.ts";
import type { EngineServices } from "./services.ts";
import { parseFloatText } from "./number-text.ts";

/** Samples of one body: a minute of a large exporter. */
const SAMPLES_MAX = 100_000;
const LABELS_MAX = 64;
const TEXT_LENGTH_MAX = 4_096;

interface Parsed {
  readonly labels: Labels;
  readonly t: number;
  readonly v: number;
}

function bad(place: string, what: string, hint?: string): never {
  throw new UserError("bad-samples", `${place}: ${what}`, hint === undefined ? {} : { hint });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function shortText(value: unknown, place: string): string {
  if (typeof value !== "string" || value === "" || value.length > TEXT_LENGTH_MAX) {
    bad(place, `must be a text of 1 to ${TEXT_LENGTH_MAX} characters`);
  }
  return value;
}

function labelsOf(one: Readonly<Record<string, unknown>>, place: string): Labels {
  const pairs: Record<string, string> = Object.create(null) as Record<string, string>;
  const { labels = {} } = one;
  if (!isObject(labels)) bad(`${place}.labels`, "must be an object of texts");
  const entries = Object.entries(labels);
  if (entries.length > LABELS_MAX) bad(`${place}.labels`, `${entries.length} labels, at most ${LABELS_MAX}`);
  for (const [name, value] of entries) {
    if (name === "" || name === METRIC_NAME) bad(`${place}.labels`, `${JSON.stringify(name)} is no label name`);
    if (typeof value !== "string" || value.length > TEXT_LENGTH_MAX) {
      bad(`${place}.labels.${name.slice(0, 40)}`, `must be a text of at most ${TEXT_LENGTH_MAX} characters`);
    }
    if (value !== "") pairs[name] = value;
  }
  pairs[METRIC_NAME] = shortText(one["name"], `${place}.name`);
  return Labels.from(pairs);
}

function numberOf(value: unknown, place: string): number {
  if (typeof value === "number") return value;
  // JSON has no NaN and no infinity.
  if (typeof value === "string" && /^(?:NaN|[+-]Inf)$/.test(value)) return parseFloatText(value);
  return bad(place, 'must be a number, "NaN", "+Inf" or "-Inf"');
}

function parse(body: Buffer, now: number): readonly Parsed[] {
  let root: unknown;
  try {
    root = JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new UserError("bad-samples", "the body is not JSON", { cause });
  }
  const list = isObject(root) ? root["metrics"] : undefined;
  if (!Array.isArray(list)) bad("metrics", "must be a list", '{"metrics": [{"name": …, "labels": {…}, "value": …}]}');
  if (list.length > SAMPLES_MAX) bad("metrics", `${list.length} samples, at most ${SAMPLES_MAX}`, "send it in parts");
  return (list as readonly unknown[]).map((one, i) => {
    const place = `metrics[${i}]`;
    if (!isObject(one)) return bad(place, "must be an object");
    const t = one["timestamp"] ?? now;
    if (!Number.isSafeInteger(t)) bad(`${place}.timestamp`, "must be unix time in whole milliseconds");
    return { labels: labelsOf(one, place), t: t as number, v: numberOf(one["value"], `${place}.value`) };
  });
}

/** @throws UserError `bad-samples` that names the place; nothing is stored then. */
export async function appendJson(services: EngineServices, body: Buffer): Promise<AppendResult> {
  const samples = parse(body, services.now());
  const appender = services.storage.appender();
  let limited = 0;
  for (const { labels, t, v } of samples) {
    const ref = appender.series(labels);
    if (ref === NO_REF) limited++;
    else appender.append(ref, t, v);
  }
  const result = await appender.commit();
  return { ...result, limited: Math.max(limited, result.limited) };
}
