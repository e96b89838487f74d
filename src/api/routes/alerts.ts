/** `/api/v1/alerts`, `rules`, `targets`, `targets/metadata`, `alertmanagers` in Prometheus' shapes. */
import type { Alert } from "../../model/alert.ts";
import { formatDuration } from "../../model/duration.ts";
import { formatExponent } from "../encode.ts";
import { type Request, type Route, success } from "../http.ts";
import type { EngineServices } from "../services.ts";
import type { RuleStatus, TargetStatus } from "../source.ts";

/** Prometheus knows two states of an active alert; ours beyond them are firing that nobody could refute. */
function alertJson(alert: Alert): unknown {
  return {
    labels: alert.labels,
    annotations: alert.annotations,
    state: alert.state === "pending" ? "pending" : "firing",
    activeAt: new Date(alert.activeAt).toISOString(),
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
    health: rule.health === "unknown" ? "unknown" : rule.health,
    ...(rule.lastError === "" ? {} : { lastError: rule.lastError }),
    evaluationTime: rule.lastDurationMs / 1_000,
    lastEvaluation: new Date(rule.lastEvalAt).toISOString(),
  };
  if (rule.kind === "recording") return { ...base, type: "recording" };
  const alerts = active(rule.alerts);
  return {
    state: ruleState(alerts),
    ...base,
    duration: rule.forMs / 1_000,
    keepFiringFor: rule.keepFiringForMs / 1_000,
    annotations: rule.annotations,
    alerts: withAlerts ? alerts.map(alertJson) : [],
    type: "alerting",
  };
}

function groupsJson(request: Request, rules: readonly RuleStatus[]): unknown {
  const type = request.parameters.text("type");
  const names = [...request.parameters.list("rule_name[]"), ...request.parameters.list("rule_name")];
  const groups = [...request.parameters.list("rule_group[]"), ...request.parameters.list("rule_group")];
  const files = [...request.parameters.list("file[]"), ...request.parameters.list("file")];
  const withAlerts = request.parameters.text("exclude_alerts") !== "true";
  const kept = rules.filter(
    (rule) =>
      (type === undefined || (type === "alert") === (rule.kind === "alerting")) &&
      (names.length === 0 || names.includes(rule.name)) &&
      (groups.length === 0 || groups.includes(rule.group)) &&
      (files.length === 0 || files.includes(rule.file)),
  );
  const byGroup = new Map<string, RuleStatus[]>();
  for (const rule of kept) {
    const id = `${rule.file}\u0000${rule.group}`;
    byGroup.set(id, [...(byGroup.get(id) ?? []), rule]);
  }
  return {
    groups: [...byGroup.values()].map((members) => {
      const first = members[0] as RuleStatus;
      const last = members.reduce((latest, rule) => Math.max(latest, rule.lastEvalAt), 0);
      return {
        name: first.group,
        file: first.file,
        rules: members.map((rule) => ruleJson(rule, withAlerts)),
        interval: first.intervalMs / 1_000,
        limit: 0,
        evaluationTime: members.reduce((sum, rule) => sum + rule.lastDurationMs, 0) / 1_000,
        lastEvaluation: new Date(last).toISOString(),
      };
    }),
  };
}

function targetJson(target: TargetStatus): unknown {
  return {
    discoveredLabels: { __address__: addressOf(target.url), job: target.job },
    labels: target.labels,
    scrapePool: target.job,
    scrapeUrl: target.url,
    globalUrl: target.url,
    lastError: target.lastError,
    lastScrape: new Date(target.lastScrapeAt).toISOString(),
    lastScrapeDuration: target.lastDurationMs / 1_000,
    health: target.health,
    scrapeInterval: formatDuration(target.intervalMs),
    scrapeTimeout: formatDuration(target.timeoutMs),
  };
}

function addressOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
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
      handle: async (request) => success(groupsJson(request, services.rules())),
    },
    {
      methods: ["GET"],
      path: "/api/v1/targets",
      async handle(request) {
        const state = request.parameters.text("state") ?? "any";
        const pool = request.parameters.text("scrapePool");
        const targets = services.targets().filter((target) => pool === undefined || target.job === pool);
        return success({
          activeTargets: state === "dropped" ? [] : targets.map(targetJson),
          droppedTargets: [],
          droppedTargetCounts: {},
        });
      },
    },
    {
      methods: ["GET"],
      path: "/api/v1/targets/metadata",
      async handle(request) {
        const limit = request.parameters.limit();
        const rows = [...services.storage.metadata(request.parameters.text("metric"))].flatMap(([metric, all]) =>
          all.map((one) => ({ target: {}, metric, ...one })),
        );
        return success(limit > 0 ? rows.slice(0, limit) : rows);
      },
    },
    {
      methods: ["GET"],
      path: "/api/v1/alertmanagers",
      handle: async () => success({ activeAlertmanagers: [], droppedAlertmanagers: [] }),
    },
  ];
}
