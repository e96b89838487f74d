/**
 * Rule versions: when a rule's text comes into force, the journal gets the text. The state store remembers the
 * version last seen of each rule, so a restart with the same files writes nothing.
 */
import type { RuleVersionRecord } from "../journal/record.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateOp, StateStore } from "../state/state.ts";
import type { RuleGroup } from "./group.ts";

const PREFIX = "rule-version/";

/** Operations and journal records for rules whose text is new; rules that are gone are forgotten. */
export async function versionOps(
  groups: readonly RuleGroup[],
  state: StateStore,
  at: Timestamp,
): Promise<{ readonly ops: readonly StateOp[]; readonly records: readonly RuleVersionRecord[] }> {
  const known = new Map<string, string>();
  for await (const [key, value] of state.scan({ gte: PREFIX, lt: "rule-version0" })) known.set(key, value);
  const ops: StateOp[] = [];
  const records: RuleVersionRecord[] = [];
  const current = new Set<string>();
  for (const group of groups) {
    for (const rule of group.rules) {
      const key =
        PREFIX + encodeURIComponent(JSON.stringify([group.file, group.name, rule.kind, rule.name, rule.labels.key]));
      current.add(key);
      if (known.get(key) === rule.version) continue;
      known.set(key, rule.version);
      ops.push({ kind: "put", key, value: rule.version });
      const { version, name, source } = rule;
      records.push({ kind: "rule-version", at, version, file: group.file, group: group.name, rule: name, source });
    }
  }
  for (const key of known.keys()) if (!current.has(key)) ops.push({ kind: "del", key });
  return { ops, records };
}
