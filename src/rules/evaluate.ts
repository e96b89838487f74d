/** One rule's expression at one time: query, labels, templates. Nothing here keeps state. */
import type { Logger } from "../base/log.ts";
import { errorText } from "../base/errors.ts";
import { Labels, METRIC_NAME } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import { type Expr, walk } from "../promql/ast.ts";
import { parseExpr } from "../promql/parse.ts";
import type { QueryResult } from "../promql/value.ts";
import { type RuleTemplate, type TemplateSample, compileRuleTemplate } from "../template/prometheus.ts";
import type { AlertSample, Element } from "./alerting.ts";
import type { AlertingRule, RecordingRule, Rule } from "./group.ts";

/** What rules need of the query engine. */
export interface RuleEngine {
  instant(expr: string, atMs: Timestamp): Promise<QueryResult>;
}

export interface EvaluationContext {
  readonly engine: RuleEngine;
  readonly externalLabels: Labels;
  readonly externalUrl: string;
  readonly log: Logger;
}

/** Alerts one rule may give; more is a rule that selects everything, and would bury its readers. */
export const ALERTS_PER_RULE_MAX = 10_000;

/** @throws UserError of the engine; Error when the expression gives neither vector nor scalar. */
async function queryVector(
  context: EvaluationContext,
  expr: string,
  at: Timestamp,
): Promise<{ readonly samples: readonly { readonly labels: Labels; readonly v: number }[]; readonly read: number }> {
  const { value, stats } = await context.engine.instant(expr, at);
  if (value.kind === "vector") return { samples: value.samples, read: stats.seriesRead };
  if (value.kind === "scalar") return { samples: [{ labels: Labels.EMPTY, v: value.v }], read: 1 };
  throw new Error("rule result is not a vector or scalar");
}

export async function templateQuery(
  context: EvaluationContext,
  expr: string,
  at: Timestamp,
): Promise<readonly TemplateSample[]> {
  const { value } = await context.engine.instant(expr, at);
  if (value.kind === "vector") return value.samples.map(({ labels, v }) => ({ labels, value: v }));
  if (value.kind === "scalar") return [{ labels: Labels.EMPTY, value: value.v }];
  if (value.kind === "string") return [{ labels: Labels.EMPTY.with({ __value__: value.s }), value: Number.NaN }];
  throw new Error("query result is not a vector");
}

/** A rule with its templates compiled and what its expression is about. */
export interface PreparedRule {
  readonly labels: readonly (readonly [name: string, template: RuleTemplate])[];
  readonly annotations: readonly (readonly [name: string, template: RuleTemplate])[];
  /** It asks about `up` or about absence itself, so an empty answer is an answer. */
  readonly judgesSilence: boolean;
  /** The widest window the expression looks back over, ms; 0 for instant selectors. */
  readonly rangeMs: number;
  /** The widest window it adds up over, ms: a hole in it makes the result too small, where a rate is only coarser. */
  readonly sumMs: number;
}

const NOTHING: PreparedRule = { labels: [], annotations: [], judgesSilence: true, rangeMs: 0, sumMs: 0 };
const ABSENCE: ReadonlySet<string> = new Set(["absent", "absent_over_time"]);
const ADDS_UP: ReadonlySet<string> = new Set([
  "increase",
  "delta",
  "changes",
  "resets",
  "sum_over_time",
  "count_over_time",
]);

export function prepareRule(rule: Rule): PreparedRule {
  if (rule.kind === "recording") return NOTHING;
  const compile = (labels: Labels): PreparedRule["labels"] =>
    [...labels].map(([name, text]) => [name, compileRuleTemplate(text, rule.name)] as const);
  let judgesSilence = false;
  let rangeMs = 0;
  let sumMs = 0;
  try {
    walk(parseExpr(rule.expr), (node) => {
      if (
        node.kind === "selector" &&
        (node.name === "up" || node.matchers.some((m) => m.name === METRIC_NAME && m.value === "up"))
      ) {
        judgesSilence = true;
      }
      rangeMs = Math.max(rangeMs, windowMs(node));
      if (node.kind !== "call") return;
      if (ABSENCE.has(node.func)) judgesSilence = true;
      if (ADDS_UP.has(node.func)) sumMs = Math.max(sumMs, ...node.args.map(windowMs));
    });
  } catch {
    // A rule from a port that checks its own expressions; the engine will say what is wrong.
  }
  return { labels: compile(rule.labels), annotations: compile(rule.annotations), judgesSilence, rangeMs, sumMs };
}

function windowMs(node: Expr): number {
  return (node.kind === "matrix" || node.kind === "subquery") && node.range.kind === "duration" ? node.range.ms : 0;
}

export interface AlertingResult {
  readonly elements: readonly Element[];
  /** Series the expression read; 0: it had no data at all. */
  readonly seriesRead: number;
}

/** @param at evaluation time, already shifted by the query offset. */
export async function evaluateAlerting(
  rule: AlertingRule,
  prepared: PreparedRule,
  context: EvaluationContext,
  at: Timestamp,
): Promise<AlertingResult> {
  const { samples, read } = await queryVector(context, rule.expr, at);
  if (samples.length > ALERTS_PER_RULE_MAX) {
    throw new Error(`${samples.length} alerts of one rule, more than ${ALERTS_PER_RULE_MAX}`);
  }
  const failures = new Set<string>();
  const elements: Element[] = [];
  for (const { labels, v } of samples) {
    const data = {
      labels,
      value: v,
      externalLabels: context.externalLabels,
      externalUrl: context.externalUrl,
      at,
      query: (expr: string) => templateQuery(context, expr, at),
    };
    const expandAll = async (templates: PreparedRule["labels"]): Promise<Record<string, string>> => {
      const out: Record<string, string> = {};
      for (const [name, template] of templates) {
        const { text, error } = await template.expand(data);
        if (error !== undefined) failures.add(error);
        out[name] = text;
      }
      return out;
    };
    const own = await expandAll(prepared.labels);
    elements.push({
      labels: labels.without(METRIC_NAME).with({ ...own, alertname: rule.name }),
      annotations: Labels.EMPTY.with(await expandAll(prepared.annotations)),
      value: v,
    });
  }
  for (const failure of failures) context.log.warn("template of an alert failed", { rule: rule.name, error: failure });
  return { elements, seriesRead: read };
}

/** @throws Error in Prometheus' words when two results have the same labels. */
export async function evaluateRecording(
  rule: RecordingRule,
  context: EvaluationContext,
  at: Timestamp,
): Promise<readonly AlertSample[]> {
  const { samples } = await queryVector(context, rule.expr, at);
  const own = rule.labels.with({ [METRIC_NAME]: rule.name }).toJSON();
  const seen = new Set<string>();
  return samples.map(({ labels, v }) => {
    const named = labels.with(own);
    if (seen.has(named.key))
      throw new Error("vector contains metrics with the same labelset after applying rule labels");
    seen.add(named.key);
    return { labels: named, value: v };
  });
}

type UpSamples = readonly { readonly labels: Labels; readonly v: number }[];

/** Whether targets answer, from `up`: asked once per tick and only when an alert's element vanished. */
export class Liveness {
  readonly #up: UpSamples;
  readonly #scrapes: UpSamples;
  /** @param scrapes how often each target was scraped since the restart. */
  constructor(up: UpSamples, scrapes: UpSamples = []) {
    this.#up = up;
    this.#scrapes = scrapes;
  }

  /** @param sinceMs how long ago this run took over stored alerts; undefined when that no longer matters. */
  static async ask(context: EvaluationContext, at: Timestamp, sinceMs: number | undefined): Promise<Liveness> {
    try {
      const { samples } = await queryVector(context, "up", at);
      if (sinceMs === undefined) return new Liveness(samples);
      // One ms more: windows are open on the left.
      const scrapes = await queryVector(context, `count_over_time(up[${Math.max(0, sinceMs) + 1}ms])`, at);
      return new Liveness(samples, scrapes.samples);
    } catch (error) {
      context.log.warn("cannot ask which targets are up", { error: errorText(error) });
      return new Liveness([]);
    }
  }

  /** Scrapes since the restart of what could have given this alert's element, the fewest of them; undefined: no target. */
  scrapes(labels: Labels): number | undefined {
    const counts = this.#related(labels, this.#scrapes).map(({ v }) => v);
    return counts.length > 0 ? Math.min(...counts) : this.#related(labels, this.#up).length > 0 ? 0 : undefined;
  }

  #related(labels: Labels, targets: UpSamples): UpSamples {
    const instance = labels.get("instance");
    const job = labels.get("job");
    return targets.filter(
      (target) =>
        (instance === "" || target.labels.get("instance") === instance) &&
        (job === "" || target.labels.get("job") === job),
    );
  }

  /** `down`: what could have given this alert's element does not answer; `unknown`: nothing is known of it. */
  of(labels: Labels): "up" | "down" | "unknown" {
    const related = this.#related(labels, this.#up);
    if (related.length === 0) return "unknown";
    const named = labels.has("instance") || labels.has("job");
    // Without a label that names targets, one that is down may be the one that is missing.
    const silent = named ? related.every(({ v }) => v === 0) : related.some(({ v }) => v === 0);
    return silent ? "down" : "up";
  }
}
