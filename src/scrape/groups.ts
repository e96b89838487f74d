/**
 * Target groups as files and discovery endpoints write them: a list of `{targets: […], labels: {…}}`, JSON or YAML.
 * Text in, groups out; anything of another shape is refused as a whole with its place.
 */
import type { TargetGroup } from "../model/job.ts";
import { UserError } from "../base/errors.ts";
import { formatProblem, hasErrors } from "../base/problem.ts";
import { fields, Findings, list, record, text } from "../base/shape.ts";
import { parseYaml } from "../base/yaml.ts";

/** Addresses of one file or answer; a fleet that large is sharded long before. */
const ADDRESSES_MAX = 100_000;

const groupList = list(fields({ targets: list(text), labels: record(text) }, { what: "a target group" }));

/**
 * @param source file name or URL, for messages and `opsmon targets`.
 * @param labels added to each group, e.g. `__meta_filepath`.
 * @throws UserError `bad-target-groups`.
 */
export function parseTargetGroups(
  content: string,
  source: string,
  labels: Readonly<Record<string, string>>,
): readonly TargetGroup[] {
  // Any JSON is YAML as well, so one reader with positions serves both; tabs, which only JSON allows, become blanks.
  const readable = /^\s*\[/.test(content) ? content.replaceAll("\t", " ") : content;
  const yaml = parseYaml(readable, source);
  const findings = new Findings(source, yaml.problems);
  const found = yaml.root === undefined ? [] : (groupList(yaml.root, findings) ?? []);
  if (hasErrors(findings.problems)) {
    const [first] = findings.problems;
    throw new UserError(
      "bad-target-groups",
      formatProblem(first as NonNullable<typeof first>).split("\n")[0] as string,
      {
        hint: 'write a list of {"targets": ["host:port"], "labels": {"name": "value"}}',
      },
    );
  }
  const groups = found.map(({ got }, i): TargetGroup => {
    return { targets: got.targets ?? [], labels: { ...got.labels, ...labels }, source: `${source}:${i}` };
  });
  const addresses = groups.reduce((sum, group) => sum + group.targets.length, 0);
  if (addresses > ADDRESSES_MAX) {
    throw new UserError("bad-target-groups", `${source}: ${addresses} targets, more than ${ADDRESSES_MAX}`);
  }
  return groups;
}
