/** Alerts as they stood at a past moment, from the journal's transitions rather than from evaluating anew. */
import type { Journal } from "../journal/journal.ts";
import type { TransitionRecord } from "../journal/record.ts";
import type { Alert } from "../model/alert.ts";
import { Labels } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";

/** An alert whose last change lies further back than this is not looked for: the journal's usual retention, ms. */
const REACH_MS = 90 * 86_400_000;
const TRANSITIONS_MAX = 100_000;

export async function alertsAt(journal: Journal, at: Timestamp): Promise<readonly Alert[]> {
  const records = await journal.scan(["transition"], at - REACH_MS, at, TRANSITIONS_MAX);
  const last = new Map<string, TransitionRecord>();
  const firedAt = new Map<string, Timestamp>();
  for (const record of records) {
    if (record.kind !== "transition") continue;
    last.set(record.fingerprint, record);
    if (record.to === "firing" && record.from !== "firing") firedAt.set(record.fingerprint, record.at);
  }
  return [...last.values()]
    .filter((record) => record.to !== "inactive")
    .map((record) => alertOf(record, firedAt.get(record.fingerprint)));
}

function alertOf(record: TransitionRecord, firedAt: Timestamp | undefined): Alert {
  return {
    labels: Labels.from(record.labels),
    annotations: Labels.from(record.annotations),
    state: record.to,
    value: typeof record.value === "number" ? record.value : Number(record.value.replace("Inf", "Infinity")),
    activeAt: record.activeAt,
    firedAt: record.to === "pending" ? undefined : firedAt,
    resolvedAt: undefined,
    lastEvalAt: record.at,
    rule: { group: record.group, file: "", name: record.rule, expr: "" },
    generatorUrl: "",
  };
}
