import { describe, expect, it } from "vitest";
import { loadAlertmanagerConfig } from "../../../src/config/alertmanager.ts";
import { groupKey, groupLabels } from "../../../src/notify/group.ts";
import { createInhibitor } from "../../../src/notify/inhibit.ts";
import { lookup, matchRoutes } from "../../../src/notify/route.ts";

const TREE = `
route:
  receiver: default
  group_by: [alertname]
  routes:
  - receiver: database
    matchers: [team="db"]
    continue: true
    routes:
    - receiver: database-page
      matchers: [severity=~"critical|page"]
    - receiver: database-night
      matchers: ['hours!=""']
      continue: true
    - receiver: database-late
      match_re: {hours: "2[0-3]"}
  - receiver: audit
    match: {team: db}
  - receiver: web
    matchers: ['service=~"^(web|api).*$"', 'env!~"dev|test"']
    group_by: [service, zone]
  - receiver: empty
    matchers: ['owner=""', 'kind="orphan"']
    group_by: ['...']
  - match: {inherit: "yes"}
    routes:
    - receiver: deep
      match: {level: "2"}
receivers:
${["default", "database", "database-page", "database-night", "database-late", "audit", "web", "empty", "deep"].map((name) => `- name: ${name}`).join("\n")}
`;

function tree() {
  const { config } = loadAlertmanagerConfig(TREE, "routes.yml");
  if (config === undefined) throw new Error("the tree must load");
  return config.route;
}
const labelsOf = (text: string): Record<string, string> =>
  Object.fromEntries(text.split(" ").map((pair) => pair.split("=") as [string, string]));

describe("routing gives what `amtool config routes test` (0.25) gives", () => {
  it.each([
    ["team=db", "database audit", "continue goes on to the next sibling"],
    ["team=db severity=critical", "database-page audit", "a child hides its parent"],
    ["team=db severity=page hours=21", "database-page audit", "a match without continue hides later siblings"],
    ["team=db hours=21", "database-night database-late audit", "continue below continue"],
    ["team=db hours=9", "database-night audit", "a regexp is anchored"],
    ["team=db hours=21x", "database-night audit", "at both ends"],
    ["service=web", "web", "a regexp with its own anchors"],
    ["service=api-7", "web", "a prefix"],
    ["service=myweb", "default", "not in the middle"],
    ["service=web env=dev", "default", "every matcher must hold"],
    ["service=web env=development", "web", "the negative one is anchored too"],
    ["kind=orphan", "empty", "a missing label is empty"],
    ["kind=orphan owner=x", "default", "a present one is not"],
    ["inherit=yes", "default", "a route without receiver takes its parent's"],
    ["inherit=yes level=2", "deep", "and still has children"],
    ["inherit=no", "default", "nothing matches: the root"],
    ["team=DB", "default", "values are compared exactly"],
  ])("%s -> %s: %s", (labels, receivers) => {
    expect(
      matchRoutes(tree(), lookup(labelsOf(labels)))
        .map((route) => route.receiver)
        .join(" "),
    ).toBe(receivers);
  });
});

describe("grouping", () => {
  it.each([
    ["alertname=X team=a", '{}:{alertname="X"}', "inherited group_by"],
    [
      "service=web zone=z alertname=X",
      '{}/{service=~"^(web|api).*$",env!~"dev|test"}:{service="web", zone="z"}',
      "own group_by",
    ],
    [
      "service=web alertname=X",
      '{}/{service=~"^(web|api).*$",env!~"dev|test"}:{service="web"}',
      "a missing label is left out",
    ],
    ["kind=orphan a=1", '{}/{owner="",kind="orphan"}:{a="1", kind="orphan"}', "... is every label"],
  ])("%s is in group %s: %s", (text, key) => {
    const labels = labelsOf(text);
    const [route] = matchRoutes(tree(), lookup(labels));
    if (route === undefined) throw new Error("no route");
    expect(groupKey(route, groupLabels(route, labels))).toBe(key);
  });
});

describe("inhibition", () => {
  const { config } = loadAlertmanagerConfig(
    `
route: {receiver: a}
receivers: [{name: a}]
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity=~"warning|critical"]
  equal: [host, missing]
`,
    "inhibit.yml",
  );
  const alert = (fingerprint: string, text: string) => ({ fingerprint, labels: labelsOf(text) });
  const rules = config?.inhibitRules ?? [];
  it.each([
    ["severity=warning host=a", ["source"], "same host; a label that both miss is equal"],
    ["severity=warning host=b", [], "another host"],
    ["severity=warning", [], "no host is not host a"],
    ["severity=info host=a", [], "not a target"],
    ["severity=critical host=a", [], "source and target at once is not inhibited by its like"],
  ])("%s is inhibited by %j: %s", (text, by) => {
    const target = alert("target", text);
    const inhibitor = createInhibitor(rules, [alert("source", "severity=critical host=a"), target]);
    expect(inhibitor.inhibitedBy(target.fingerprint, target.labels).map((one) => one.fingerprint)).toEqual(by);
  });
});
