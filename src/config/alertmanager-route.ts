/** The route tree and the inhibition rules of alertmanager.yml: nodes in, inherited values filled in, out. */
import {
  type Decode,
  type Fields,
  type Findings,
  bool,
  fields,
  list,
  node,
  parsed,
  record,
  text,
} from "../base/shape.ts";
import { nearest } from "../base/nearest.ts";
import type { Position, YamlNode } from "../base/yaml.ts";
import { type MatchOp, type Matcher, createMatcher } from "../model/matcher.ts";
import { parseMatchers, printMatchers } from "../model/matcher-text.ts";
import type { InhibitRule, Route } from "../model/routing.ts";
import { UserError } from "../base/errors.ts";
import { duration, interval } from "./context.ts";

/** Alertmanager's defaults. @see https://prometheus.io/docs/alerting/latest/configuration/#route */
const GROUP_WAIT_MS = 30_000;
const GROUP_INTERVAL_MS = 5 * 60_000;
const REPEAT_INTERVAL_MS = 4 * 3_600_000;

/** A name used at a place, to be checked once all names are known. */
export interface Reference {
  readonly name: string;
  readonly at: Position;
}

export interface RouteReferences {
  readonly receivers: Reference[];
  readonly intervals: Reference[];
}

const matcherList: Decode<readonly Matcher[]> = (at, findings) => {
  const one: Decode<readonly Matcher[]> = parsed(parseMatchers);
  if (at.kind === "scalar" && !at.isNull) return one(at, findings);
  return list(one)(at, findings)?.flat();
};

/** The older form: a map of names, with plain texts or with regular expressions. */
function matcherMap(op: MatchOp): Decode<readonly Matcher[]> {
  return (at, findings) => {
    const pairs = record(node)(at, findings);
    if (pairs === undefined) return undefined;
    return Object.entries(pairs).flatMap(([name, value]) => {
      const read = parsed((textValue) => createMatcher(name, op, textValue))(value, findings);
      return read ?? (value.kind === "scalar" && value.isNull ? createMatcher(name, op, "") : []);
    });
  };
}

const ROUTE = {
  receiver: text,
  group_by: list(text),
  group_wait: duration,
  group_interval: interval,
  repeat_interval: interval,
  matchers: matcherList,
  match: matcherMap("="),
  match_re: matcherMap("=~"),
  continue: bool,
  mute_time_intervals: list(text),
  active_time_intervals: list(text),
  routes: list(node),
};
const routeShape = fields(ROUTE, {
  what: "a route",
  unsupported: { labels: "labels of routes are not kept" },
});

/** Values that a route without its own takes from above. */
type Inherited = Pick<Route, "id" | "receiver" | "groupBy" | "groupWaitMs" | "groupIntervalMs" | "repeatIntervalMs">;

/** @returns the tree, or undefined after its problems were noted. */
export function readRoute(root: YamlNode, findings: Findings, references: RouteReferences): Route | undefined {
  const read = routeShape(root, findings);
  if (read === undefined) return undefined;
  const { got } = read;
  const forbidden = [
    ["matchers", got.matchers],
    ["match", got.match],
    ["match_re", got.match_re],
    ["mute_time_intervals", got.mute_time_intervals],
    ["active_time_intervals", got.active_time_intervals],
  ] as const;
  for (const [key, held] of forbidden) {
    if (held !== undefined && held.length > 0) {
      findings.error(read.place(key), `the first route takes every alert, so it has no "${key}"`, "move it to a child");
    }
  }
  if (read.got.continue === true) findings.error(read.place("continue"), 'the first route has no "continue"');
  if (read.got.receiver === undefined || read.got.receiver === "") {
    findings.error(read.at, 'the first route needs "receiver"', "it takes what no other route takes");
  }
  return build(read, findings, references, undefined, "");
}

function build(
  read: Fields<typeof ROUTE>,
  findings: Findings,
  references: RouteReferences,
  parent: Inherited | undefined,
  suffix: string,
): Route {
  const { got } = read;
  const matchers = parent === undefined ? [] : [...(got.match ?? []), ...(got.match_re ?? []), ...(got.matchers ?? [])];
  const receiver = got.receiver ?? parent?.receiver ?? "";
  if (got.receiver !== undefined) references.receivers.push({ name: receiver, at: read.place("receiver") });
  for (const key of ["mute_time_intervals", "active_time_intervals"] as const) {
    for (const name of got[key] ?? []) references.intervals.push({ name, at: read.place(key) });
  }
  const own: Inherited = {
    id: parent === undefined ? printMatchers([]) : `${parent.id}/${printMatchers(matchers)}${suffix}`,
    receiver,
    groupBy: got.group_by === undefined ? (parent?.groupBy ?? []) : groupBy(got.group_by, read, findings),
    groupWaitMs: got.group_wait ?? parent?.groupWaitMs ?? GROUP_WAIT_MS,
    groupIntervalMs: got.group_interval ?? parent?.groupIntervalMs ?? GROUP_INTERVAL_MS,
    repeatIntervalMs: got.repeat_interval ?? parent?.repeatIntervalMs ?? REPEAT_INTERVAL_MS,
  };
  const seen = new Map<string, number>();
  const routes = (got.routes ?? []).flatMap((child) => {
    const below = routeShape(child, findings);
    if (below === undefined) return [];
    const path = printMatchers([
      ...(below.got.match ?? []),
      ...(below.got.match_re ?? []),
      ...(below.got.matchers ?? []),
    ]);
    const twin = seen.get(path) ?? 0;
    seen.set(path, twin + 1);
    // Twins must not share groups: what one route told is not what the other told.
    return [build(below, findings, references, own, twin === 0 ? "" : `/${twin}`)];
  });
  return {
    ...own,
    matchers,
    continue: got.continue ?? false,
    muteTimeIntervals: got.mute_time_intervals ?? [],
    activeTimeIntervals: got.active_time_intervals ?? [],
    routes,
  };
}

function groupBy(names: readonly string[], read: Fields<typeof ROUTE>, findings: Findings): readonly string[] | "all" {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) findings.error(read.place("group_by"), `group_by has "${twice}" twice`);
  if (!names.includes("...")) return names;
  if (names.length > 1) findings.error(read.place("group_by"), '"..." stands for all labels: it must stand alone');
  return "all";
}

/** Notes every name that nothing defines. */
export function checkReferences(
  what: string,
  references: readonly Reference[],
  defined: Iterable<string>,
  findings: Findings,
): void {
  const names = new Set(defined);
  for (const { name, at } of references) {
    if (names.has(name)) continue;
    const near = nearest(name, names);
    const hint = near === undefined ? `defined: ${[...names].join(", ") || "none"}` : `did you mean "${near}"?`;
    findings.error(at, `there is no ${what} "${name}"`, hint);
  }
}

const INHIBIT = {
  name: text,
  source_match: matcherMap("="),
  source_match_re: matcherMap("=~"),
  source_matchers: matcherList,
  target_match: matcherMap("="),
  target_match_re: matcherMap("=~"),
  target_matchers: matcherList,
  equal: list(text),
};
const inhibitShape = fields(INHIBIT, { what: "an inhibition rule" });

export const inhibitRule: Decode<InhibitRule> = (at, findings) => {
  const read = inhibitShape(at, findings);
  if (read === undefined) return undefined;
  const { got } = read;
  const source = [...(got.source_match ?? []), ...(got.source_match_re ?? []), ...(got.source_matchers ?? [])];
  const target = [...(got.target_match ?? []), ...(got.target_match_re ?? []), ...(got.target_matchers ?? [])];
  if (source.length === 0 || target.length === 0) {
    const missing = source.length === 0 ? "source_matchers" : "target_matchers";
    findings.warn(at, `the inhibition rule has no ${missing}: it holds for every alert`, `add ${missing}`);
  }
  return { name: got.name ?? `line ${at.line}`, source, target, equal: got.equal ?? [] };
};

/** A matcher written by the program itself. @throws UserError never for the texts used here. */
export function ownMatcher(matcher: string): Matcher {
  const [first] = parseMatchers(matcher);
  if (first === undefined) throw new UserError("bad-matcher", `"${matcher}" is not a matcher`);
  return first;
}
