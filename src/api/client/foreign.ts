/** Alerts, rules and targets as a Prometheus server tells them, in our own shapes. */
import type { Alert } from "../../model/alert.ts";
import { Labels } from "../../model/labels.ts";
import { parseDuration } from "../../model/duration.ts";
import type { RuleStatus, TargetStatus } from "../source.ts";
import { parseFloatText } from "../number-text.ts";

export interface PrometheusAlert {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly state?: string;
  readonly activeAt?: string;
  readonly value?: string;
}
export interface PrometheusRule {
  readonly name?: string;
  readonly query?: string;
  readonly type?: string;
  readonly duration?: number;
  readonly keepFiringFor?: number;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly health?: string;
  readonly lastError?: string;
  readonly lastEvaluation?: string;
  readonly evaluationTime?: number;
  readonly alerts?: readonly PrometheusAlert[];
}
export interface PrometheusRuleGroup {
  readonly name?: string;
  readonly file?: string;
  readonly interval?: number;
  readonly rules?: readonly PrometheusRule[];
}
export interface PrometheusTarget {
  readonly labels?: Record<string, string>;
  readonly scrapePool?: string;
  readonly scrapeUrl?: string;
  readonly lastError?: string;
  readonly lastScrape?: string;
  readonly lastScrapeDuration?: number;
  readonly health?: string;
  readonly scrapeInterval?: string;
  readonly scrapeTimeout?: string;
}

function time(text: string | undefined): number {
  const ms = Date.parse(text ?? "");
  return Number.isFinite(ms) ? ms : 0;
}

export function foreignAlert(alert: PrometheusAlert): Alert {
  const activeAt = time(alert.activeAt);
  const labels = Labels.from(alert.labels ?? {});
  const firing = alert.state === "firing";
  return {
    labels,
    annotations: Labels.from(alert.annotations ?? {}),
    state: firing ? "firing" : "pending",
    value: parseFloatText(alert.value),
    activeAt,
    firedAt: firing ? activeAt : undefined,
    resolvedAt: undefined,
    lastEvalAt: activeAt,
    rule: { group: "", file: "", name: labels.get("alertname"), expr: "" },
    generatorUrl: "",
  };
}

export function foreignRules(groups: readonly PrometheusRuleGroup[]): readonly RuleStatus[] {
  return groups.flatMap((group) =>
    (group.rules ?? []).map((rule) => ({
      group: group.name ?? "",
      file: group.file ?? "",
      intervalMs: (group.interval ?? 0) * 1_000,
      name: rule.name ?? "",
      kind: rule.type === "alerting" ? ("alerting" as const) : ("recording" as const),
      expr: rule.query ?? "",
      forMs: (rule.duration ?? 0) * 1_000,
      keepFiringForMs: (rule.keepFiringFor ?? 0) * 1_000,
      labels: Labels.from(rule.labels ?? {}),
      annotations: Labels.from(rule.annotations ?? {}),
      health: rule.health === "ok" || rule.health === "err" ? rule.health : ("unknown" as const),
      lastError: rule.lastError ?? "",
      lastEvalAt: time(rule.lastEvaluation),
      lastDurationMs: (rule.evaluationTime ?? 0) * 1_000,
      alerts: (rule.alerts ?? []).map(foreignAlert),
    })),
  );
}

function interval(text: string | undefined): number {
  try {
    return parseDuration(text ?? "0");
  } catch {
    return 0;
  }
}

export function foreignTarget(target: PrometheusTarget): TargetStatus {
  return {
    job: target.scrapePool ?? target.labels?.["job"] ?? "",
    url: target.scrapeUrl ?? "",
    labels: Labels.from(target.labels ?? {}),
    health: target.health === "up" || target.health === "down" ? target.health : "unknown",
    lastError: target.lastError ?? "",
    lastScrapeAt: time(target.lastScrape),
    lastDurationMs: (target.lastScrapeDuration ?? 0) * 1_000,
    samples: 0,
    intervalMs: interval(target.scrapeInterval),
    timeoutMs: interval(target.scrapeTimeout),
  };
}
