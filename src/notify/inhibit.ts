/**
 * The inhibition stage: while a source alert fires, targets with the same `equal` labels are not told. An alert
 * that is both source and target of a rule is not inhibited by others like it, as in Alertmanager.
 */
import type { InhibitRule } from "../model/routing.ts";
import { type LabelLookup, lookup, matchesAll } from "./route.ts";
import type { LabelMap } from "./group.ts";

interface Source {
  readonly fingerprint: string;
  readonly labels: LabelMap;
  /** Would this source be a target of the same rule? */
  readonly alsoTarget: boolean;
}

export interface Inhibitor {
  /** The source alerts that keep this one quiet; empty when it may be told. */
  inhibitedBy(
    fingerprint: string,
    labels: LabelMap,
  ): readonly { readonly fingerprint: string; readonly rule: string }[];
}

/** @param firing alerts that fire now, silenced ones included. */
export function createInhibitor(
  rules: readonly InhibitRule[],
  firing: Iterable<{ readonly fingerprint: string; readonly labels: LabelMap }>,
): Inhibitor {
  const sources = rules.map(() => new Map<string, Source[]>());
  for (const alert of rules.length === 0 ? [] : firing) {
    const label = lookup(alert.labels);
    for (const [i, rule] of rules.entries()) {
      if (!matchesAll(rule.source, label)) continue;
      const key = equalKey(rule, label);
      const bucket = (sources[i] as Map<string, Source[]>).get(key) ?? [];
      bucket.push({ ...alert, alsoTarget: matchesAll(rule.target, label) });
      (sources[i] as Map<string, Source[]>).set(key, bucket);
    }
  }
  return {
    inhibitedBy(fingerprint, labels) {
      const label = lookup(labels);
      const found: { readonly fingerprint: string; readonly rule: string }[] = [];
      for (const [i, rule] of rules.entries()) {
        if (!matchesAll(rule.target, label)) continue;
        const alsoSource = matchesAll(rule.source, label);
        const source = (sources[i] as Map<string, Source[]>)
          .get(equalKey(rule, label))
          ?.find((candidate) => candidate.fingerprint !== fingerprint && !(alsoSource && candidate.alsoTarget));
        if (source !== undefined) found.push({ fingerprint: source.fingerprint, rule: rule.name });
      }
      return found;
    },
  };
}

function equalKey(rule: InhibitRule, label: LabelLookup): string {
  return rule.equal.map(label).join("\u0000");
}
