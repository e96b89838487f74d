/**
 * Relabelling: rules in, a function from label set to label set out; a dropped set is undefined. Every action and
 * its corner cases are Prometheus', the MD5 of `hashmod` included, so shards split as they do there.
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
 */
import { createHash } from "node:crypto";
import { RE2JS } from "re2js";
import { UserError } from "../base/errors.ts";
import { Labels } from "./labels.ts";

export type RelabelAction =
  | "replace"
  | "keep"
  | "drop"
  | "keepequal"
  | "dropequal"
  | "hashmod"
  | "labelmap"
  | "labeldrop"
  | "labelkeep"
  | "lowercase"
  | "uppercase";

/** Defaults as in Prometheus: separator ";", regex "(.*)", replacement "$1", action "replace". */
export interface RelabelRule {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly regex: string;
  readonly targetLabel: string;
  readonly replacement: string;
  readonly modulus: number;
}

/** `regex` when a rule does not say. */
export const RELABEL_REGEX_DEFAULT = "(.*)";

/** @returns undefined when a rule dropped the set. Labels may hold `__`-names; nothing is removed at the end. */
export type Relabeler = (labels: Labels) => Labels | undefined;

type Draft = Map<string, string>;
/** @returns false to drop. */
type Step = (draft: Draft) => boolean;

interface Pattern {
  readonly matches: (text: string) => boolean;
  /** Group texts and names when the whole of `text` matches. */
  readonly groups: (text: string) => ((name: string) => string) | undefined;
}

function compilePattern(regex: string): Pattern {
  if (regex === RELABEL_REGEX_DEFAULT) {
    return { matches: () => true, groups: (text) => (name) => (name === "0" || name === "1" ? text : "") };
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(`^(?s:${regex})$`);
  } catch (cause) {
    throw new UserError("bad-regexp", `"${regex}" is not a regular expression: ${(cause as Error).message}`, {
      hint: "opsmon reads RE2 syntax: no lookahead, no backreferences",
      cause,
    });
  }
  const names = new Map(Object.entries(compiled.namedGroups()));
  return {
    matches: (text) => compiled.matches(text),
    groups(text) {
      const matcher = compiled.matcher(text);
      if (!matcher.matches()) return undefined;
      return (name) => {
        const index = /^\d+$/.test(name) ? Number(name) : (names.get(name) ?? -1);
        return index >= 0 && index <= matcher.groupCount() ? (matcher.group(index) ?? "") : "";
      };
    },
  };
}

const REFERENCE = /\$(?:(\$)|\{(\w+)\}|(\w+))?/g;

/** Go's `Expand`: `$1`, `${1}`, `$name`, `$$`; the longest name wins, an unknown one is empty. */
function expand(template: string, group: (name: string) => string): string {
  if (!template.includes("$")) return template;
  return template.replace(REFERENCE, (whole, dollar?: string, braced?: string, bare?: string) => {
    if (dollar !== undefined) return "$";
    const name = braced ?? bare;
    return name === undefined ? whole : group(name);
  });
}

function put(draft: Draft, name: string, value: string): void {
  if (value === "") draft.delete(name);
  else draft.set(name, value);
}

function replaceStep(rule: RelabelRule, pattern: Pattern, joined: (draft: Draft) => string): Step {
  return (draft) => {
    const group = pattern.groups(joined(draft));
    if (group === undefined) return true;
    const target = expand(rule.targetLabel, group);
    if (target !== "") put(draft, target, expand(rule.replacement, group));
    return true;
  };
}

/** The last 8 bytes of the MD5, big-endian, modulo; as in Prometheus. */
function hashmod(text: string, modulus: number): string {
  const digest = createHash("md5").update(text, "utf8").digest();
  return (digest.readBigUInt64BE(8) % BigInt(modulus)).toString();
}

function compileStep(rule: RelabelRule): Step {
  const { action, targetLabel } = rule;
  const joined = (draft: Draft): string => rule.sourceLabels.map((name) => draft.get(name) ?? "").join(rule.separator);
  const pattern = compilePattern(rule.regex);
  switch (action) {
    case "replace":
      return replaceStep(rule, pattern, joined);
    case "keep":
      return (draft) => pattern.matches(joined(draft));
    case "drop":
      return (draft) => !pattern.matches(joined(draft));
    case "keepequal":
      return (draft) => (draft.get(targetLabel) ?? "") === joined(draft);
    case "dropequal":
      return (draft) => (draft.get(targetLabel) ?? "") !== joined(draft);
    case "hashmod":
      return (draft) => (put(draft, targetLabel, hashmod(joined(draft), rule.modulus)), true);
    case "lowercase":
      return (draft) => (put(draft, targetLabel, joined(draft).toLowerCase()), true);
    case "uppercase":
      return (draft) => (put(draft, targetLabel, joined(draft).toUpperCase()), true);
    case "labelmap":
      return (draft) => {
        // A copy: labels added here are not mapped again.
        for (const [name, value] of Array.from(draft)) {
          const group = pattern.groups(name);
          if (group !== undefined) put(draft, expand(rule.replacement, group), value);
        }
        return true;
      };
    case "labeldrop":
    case "labelkeep":
      return (draft) => {
        for (const name of Array.from(draft.keys())) {
          if (pattern.matches(name) === (action === "labeldrop")) draft.delete(name);
        }
        return true;
      };
  }
}

/** What no rules at all make of labels. */
export const keepAll: Relabeler = (labels) => labels;

/**
 * Compiles rules that run in order, each on what the one before left.
 *
 * @throws UserError `bad-regexp`.
 */
export function compileRelabel(rules: readonly RelabelRule[]): Relabeler {
  if (rules.length === 0) return keepAll;
  const steps = rules.map(compileStep);
  return (labels) => {
    const draft: Draft = new Map(labels);
    for (const step of steps) if (!step(draft)) return undefined;
    return Labels.from(draft);
  };
}
