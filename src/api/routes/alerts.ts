/** `/api/v1/alerts` and `/api/v1/rules` in Prometheus' shapes. */
import { createHash } from "node:crypto";
import { UserError } from "../../base/errors.ts";
import type { Alert } from "../../model/alert.ts";
import { formatExponent, instantText } from "../encode.ts";
import { type Request, type Route, success } from "../http.ts";
import { parseSelectors } from "../selectors.ts";
import type { EngineServices } from "../services.ts";
import type { RuleStatus } from "../source.ts";

/** Prometheus knows two states of an active alert; ours beyond them are firing that nobody could refute. */
function alertJson(alert: Alert): unknown {
  return {
    labels: alert.labels,
    annotations: alert.annotations,
    state: alert.state === "pending" ? "pending" : "firing",
    activeAt: instantText(alert.activeAt),
    value: formatExponent(alert.value),
  };
}

function active(alerts: readonly Alert[]): readonly Alert[] {
  return alerts.filter((alert) => alert.state !== "inactive");
}

function ruleState(alerts: readonly Alert[]): string {
  if (alerts.some((alert) => alert.state !== "pending")) return "firing";
  return alerts.length > 0 ? "pending" : "inactive";
}

function ruleJson(rule: RuleStatus, withAlerts: boolean): unknown {
  const base = {
    name: rule.name,
    query: rule.expr,
    labels: rule.labels,
    health: rule.health,
    ...(rule.lastError === "" ? {} : { lastError: rule.lastError }),
    evaluationTime: rule.lastDurationMs / 1_000,
    lastEvaluation: instantText(rule.lastEvalAt),
  };
  if (rule.kind === "recording") {
    const { labels: _none, ...bare } = base;
    return { ...(rule.labels.size === 0 ? bare : base), type: "recording" };
  }
  const alerts = active(rule.alerts);
  return {
    state: ruleState(alerts),
    ...base,
    duration: rule.forMs / 1_000,
    keepFiringFor: rule.keepFiringForMs / 1_000,
    annotations: rule.annotations,
    alerts: withAlerts ? alerts.map(alertJson) : null,
    type: "alerting",
  };
}

function filterOf({ parameters }: Request): (rule: RuleStatus) => boolean {
  const type = parameters.text("type")?.toLowerCase();
  if (type !== undefined && type !== "alert" && type !== "record") {
    throw new UserError("bad-parameter", `invalid parameter "type": not supported value ${JSON.stringify(type)}`);
  }
  const names = parameters.list("rule_name[]");
  const groups = parameters.list("rule_group[]");
  const files = parameters.list("file[]");
  const selectors = parseSelectors(parameters.list("match[]"));
  return (rule) =>
    (type === undefined || (type === "alert") === (rule.kind === "alerting")) &&
    (names.length === 0 || names.includes(rule.name)) &&
    (groups.length === 0 || groups.includes(rule.group)) &&
    (files.length === 0 || files.includes(rule.file)) &&
    (selectors.length === 0 ||
      selectors.some((matchers) => matchers.every(({ name, matches }) => matches(rule.labels.get(name)))));
}

interface Group {
  readonly token: string;
  readonly rules: readonly RuleStatus[];
  readonly kept: readonly RuleStatus[];
}

/** Groups by file, in the order of their files, with the rules that the request asks for. */
function groupsOf(rules: readonly RuleStatus[], keep: (rule: RuleStatus) => boolean): readonly Group[] {
  const byGroup = new Map<string, RuleStatus[]>();
  for (const rule of rules) {
    const id = `${rule.file};${rule.group}`;
    const members = byGroup.get(id);
    if (members === undefined) byGroup.set(id, [rule]);
    else members.push(rule);
  }
  return [...byGroup].map(([id, members]) => ({
    token: createHash("sha1").update(id).digest("hex"),
    rules: members,
    kept: members.filter(keep),
  }));
}

function groupJson({ rules, kept }: Group, withAlerts: boolean): unknown {
  const first = rules[0] as RuleStatus;
  return {
    name: first.group,
    file: first.file,
    rules: kept.map((rule) => ruleJson(rule, withAlerts)),
    interval: first.intervalMs / 1_000,
    limit: first.groupLimit ?? 0,
    evaluationTime: rules.reduce((sum, rule) => sum + rule.lastDurationMs, 0) / 1_000,
    lastEvaluation: instantText(rules.reduce((latest, rule) => Math.max(latest, rule.lastEvalAt), 0)),
  };
}

function rulesJson(request: Request, rules: readonly RuleStatus[]): unknown {
  const { parameters } = request;
  const withAlerts = !parameters.flag("exclude_alerts");
  const limit = parameters.integer("group_limit", -1);
  const token = parameters.text("group_next_token");
  if (parameters.text("group_limit") !== undefined && limit <= 0) {
    throw new UserError("bad-parameter", 'invalid parameter "group_limit": group_limit needs to be greater than 0');
  }
  if (token !== undefined && limit < 0) {
    throw new UserError(
      "bad-parameter",
      'invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups',
    );
  }
  const all = groupsOf(rules, filterOf(request));
  const from = token === undefined ? 0 : all.findIndex((group) => group.token === token);
  if (from < 0) {
    throw new UserError(
      "bad-parameter",
      `invalid parameter "group_next_token": invalid group_next_token '${token}'. were rule groups changed?`,
    );
  }
  const rest = all.slice(from).filter((group) => group.kept.length > 0);
  const shown = limit > 0 ? rest.slice(0, limit) : rest;
  const next = rest[shown.length];
  return {
    groups: shown.map((group) => groupJson(group, withAlerts)),
    ...(next === undefined ? {} : { groupNextToken: next.token }),
  };
}

export function alertRoutes(services: EngineServices): readonly Route[] {
  return [
    {
      methods: ["GET"],
      path: "/api/v1/alerts",
      handle: async () => success({ alerts: active(await services.alerts("now")).map(alertJson) }),
    },
    {
      methods: ["GET"],
      path: "/api/v1/rules",
      handle: async (request) => success(rulesJson(request, services.rules())),
    },
  ];
}
