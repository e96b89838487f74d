/** relabel_configs and their relatives: defaults and checks as Prometheus has them. */
import {
  type Decode,
  type Fields,
  type Findings,
  choice,
  describe,
  fields,
  integer,
  list,
  text,
} from "../base/shape.ts";
import type { YamlNode } from "../base/yaml.ts";
import { UserError } from "../base/errors.ts";
import { compileRegexp } from "../model/regexp.ts";
import type { RelabelAction, RelabelRule } from "../model/relabel.ts";

const ACTIONS = [
  "replace",
  "keep",
  "drop",
  "keepequal",
  "dropequal",
  "hashmod",
  "labelmap",
  "labeldrop",
  "labelkeep",
  "lowercase",
  "uppercase",
] as const;

const action: Decode<RelabelAction> = (node, findings) =>
  choice(...ACTIONS)(node.kind === "scalar" ? { ...node, text: node.text.toLowerCase() } : node, findings);

const regex: Decode<string> = (node, findings) => {
  if (node.kind !== "scalar") return findings.error(node, `${describe(node)} is not a regular expression`);
  try {
    compileRegexp(node.text);
    return node.text;
  } catch (error) {
    if (error instanceof UserError) return findings.error(node, error.message, error.hint);
    throw error;
  }
};

const shape = {
  action,
  source_labels: list(text),
  separator: text,
  regex,
  target_label: text,
  replacement: text,
  modulus: integer(1),
};
const read = fields(shape, { what: "a relabel rule" });

/** Actions that write a label must say which. */
const NEEDS_TARGET: ReadonlySet<RelabelAction> = new Set([
  "replace",
  "hashmod",
  "lowercase",
  "uppercase",
  "keepequal",
  "dropequal",
]);
const ONLY_REGEX: ReadonlySet<RelabelAction> = new Set(["labeldrop", "labelkeep"]);

export const relabelRule: Decode<RelabelRule> = (node: YamlNode, findings: Findings) => {
  const found = read(node, findings);
  if (found === undefined) return undefined;
  const { got } = found;
  const kind = got.action ?? "replace";
  if (got.action !== undefined || !found.has("action")) check(found, kind, findings);
  return {
    action: kind,
    sourceLabels: got.source_labels ?? [],
    separator: got.separator ?? (found.has("separator") ? "" : ";"),
    regex: got.regex ?? "(.*)",
    targetLabel: got.target_label ?? "",
    replacement: got.replacement ?? (found.has("replacement") ? "" : "$1"),
    modulus: got.modulus ?? 0,
  };
};

function check(found: Fields<typeof shape>, kind: RelabelAction, findings: Findings): void {
  const { got } = found;
  if (NEEDS_TARGET.has(kind) && (got.target_label ?? "") === "") {
    findings.error(found.at, `relabel action "${kind}" needs "target_label"`);
  }
  if (kind === "hashmod" && got.modulus === undefined)
    findings.error(found.at, 'relabel action "hashmod" needs "modulus"');
  if (ONLY_REGEX.has(kind)) {
    for (const key of ["source_labels", "target_label", "replacement", "modulus", "separator"] as const) {
      if (found.has(key)) findings.error(found.place(key), `relabel action "${kind}" takes only "regex", not "${key}"`);
    }
  }
}

export const relabelRules: Decode<readonly RelabelRule[]> = list(relabelRule);
