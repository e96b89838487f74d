/**
 * PromQL the slow way: one time after another, one element after another, straight from the documentation. Knows a
 * part of the language; what it says is compared with the engine's answer.
 */
import { Labels, METRIC_NAME } from "../../src/model/labels.ts";
import type { Aggregate, Binary, Call, Expr, MatrixSelector, Subquery, VectorSelector } from "../../src/promql/ast.ts";
import { unwrapParens } from "../../src/promql/ast.ts";

export interface OracleSample {
  readonly t: number;
  readonly v: number;
  readonly stale: boolean;
}
export interface OracleSeries {
  readonly labels: Labels;
  readonly samples: readonly OracleSample[];
}
export interface Element {
  readonly labels: Labels;
  readonly v: number;
}
type Answer = number | readonly Element[];

/** The query broke a rule of the language. */
export class OracleFailure extends Error {}

const LOOKBACK_MS = 300_000;

export class Oracle {
  readonly #data: readonly OracleSeries[];
  readonly #query: { readonly start: number; readonly end: number };

  constructor(data: readonly OracleSeries[], query: { readonly start: number; readonly end: number }) {
    this.#data = data;
    this.#query = query;
  }

  at(expr: Expr, t: number): Answer {
    switch (expr.kind) {
      case "number":
        return expr.value;
      case "paren":
        return this.at(expr.expr, t);
      case "unary": {
        const inner = this.at(expr.expr, t);
        if (expr.op === "+") return inner;
        return typeof inner === "number"
          ? -inner
          : distinct(inner.map(({ labels, v }) => ({ labels: nameless(labels), v: -v })));
      }
      case "selector":
        return this.#instant(expr, t);
      case "call":
        return this.#call(expr, t);
      case "aggregate":
        return this.#aggregate(expr, t);
      case "binary":
        return this.#binary(expr, t);
      case "string":
      case "matrix":
      case "subquery":
        throw new Error(`the oracle does not know ${expr.kind}`);
    }
  }

  #time(node: VectorSelector | Subquery, t: number): number {
    const offset = node.offset?.kind === "duration" ? node.offset.ms : 0;
    if (node.at === undefined) return t - offset;
    if (node.at.kind === "time") return node.at.ms - offset;
    return this.#query[node.at.kind] - offset;
  }

  #matching(selector: VectorSelector): readonly OracleSeries[] {
    return this.#data.filter(({ labels }) => selector.matchers.every((m) => m.matches(labels.get(m.name))));
  }

  #instant(selector: VectorSelector, t: number): readonly Element[] {
    const time = this.#time(selector, t);
    return this.#matching(selector).flatMap(({ labels, samples }) => {
      const last = samples.filter((s) => s.t <= time).at(-1);
      return last === undefined || last.stale || last.t <= time - LOOKBACK_MS ? [] : [{ labels, v: last.v }];
    });
  }

  #windows(
    expr: MatrixSelector | Subquery,
    t: number,
  ): readonly { labels: Labels; points: readonly OracleSample[]; end: number }[] {
    const range = expr.range.kind === "duration" ? expr.range.ms : 0;
    if (expr.kind === "matrix") {
      const end = this.#time(expr.selector, t);
      return this.#matching(expr.selector).map(({ labels, samples }) => ({
        labels,
        points: samples.filter((s) => !s.stale && s.t > end - range && s.t <= end),
        end,
      }));
    }
    const end = this.#time(expr, t);
    const step = expr.step?.kind === "duration" ? expr.step.ms : 60_000;
    const rows = new Map<string, { labels: Labels; points: OracleSample[]; end: number }>();
    for (let at = Math.ceil((end - range) / step) * step; at <= end; at += step) {
      if (at <= end - range) continue;
      for (const { labels, v } of this.at(expr.expr, at) as readonly Element[]) {
        const row = rows.get(labels.key) ?? { labels, points: [], end };
        rows.set(labels.key, row);
        row.points.push({ t: at, v, stale: false });
      }
    }
    return [...rows.values()];
  }

  #call(call: Call, t: number): Answer {
    if (call.func === "abs") {
      return distinct(
        (this.at(call.args[0] as Expr, t) as readonly Element[]).map(({ labels, v }) => ({
          labels: nameless(labels),
          v: Math.abs(v),
        })),
      );
    }
    const range = unwrapParens(call.args[0] as Expr) as MatrixSelector | Subquery;
    const rangeMs = range.range.kind === "duration" ? range.range.ms : 0;
    const out: Element[] = [];
    for (const { labels, points, end } of this.#windows(range, t)) {
      if (points.length === 0) continue;
      const v = overTime(call.func, points, end, rangeMs);
      if (v !== undefined) out.push({ labels: call.func === "last_over_time" ? labels : nameless(labels), v });
    }
    return distinct(out);
  }

  #aggregate(expr: Aggregate, t: number): Answer {
    const groups = new Map<string, { labels: Labels; values: number[] }>();
    for (const { labels, v } of this.at(expr.expr, t) as readonly Element[]) {
      const kept = expr.without ? labels.without(...expr.grouping, METRIC_NAME) : labels.only(expr.grouping);
      const group = groups.get(kept.key) ?? { labels: kept, values: [] };
      groups.set(kept.key, group);
      group.values.push(v);
    }
    return [...groups.values()].map(({ labels, values }) => ({ labels, v: fold(expr.op, values) }));
  }

  #binary(expr: Binary, t: number): Answer {
    const left = this.at(expr.left, t);
    const right = this.at(expr.right, t);
    if (typeof left === "number" && typeof right === "number") return operate(expr.op, left, right) as number;
    if (typeof left === "number" || typeof right === "number") return scalarSide(expr, left, right);
    const matching = expr.matching;
    const key = ({ labels }: Element): string =>
      matching?.on === true
        ? labels.only(matching.labels).key
        : labels.without(...(matching?.labels ?? []), METRIC_NAME).key;
    const has = (side: readonly Element[], one: Element): boolean => side.some((other) => key(other) === key(one));
    if (expr.op === "and") return left.filter((one) => has(right, one));
    if (expr.op === "unless") return left.filter((one) => !has(right, one));
    if (expr.op === "or") return distinct([...left, ...right.filter((one) => !has(left, one))]);
    if (left.length === 0 || right.length === 0) return [];
    if (new Set(right.map(key)).size < right.length) throw new OracleFailure("duplicate on the right");
    const matched = left.filter((one) => has(right, one));
    if (new Set(matched.map(key)).size < matched.length) throw new OracleFailure("many to one");
    const out: Element[] = [];
    for (const one of matched) {
      const other = right.find((candidate) => key(candidate) === key(one)) as Element;
      const v = operate(expr.op, one.v, other.v);
      const comparison = typeof v === "boolean";
      if (comparison && !expr.bool && !v) continue;
      const keepsName = comparison && !expr.bool;
      const base = keepsName ? one.labels : nameless(one.labels);
      const labels = matching?.on === true ? base.only(matching.labels) : base.without(...(matching?.labels ?? []));
      out.push({ labels, v: comparison ? (expr.bool ? Number(v) : one.v) : v });
    }
    return distinct(out);
  }
}

function scalarSide(expr: Binary, left: Answer, right: Answer): Answer {
  const vector = (typeof left === "number" ? right : left) as readonly Element[];
  const out: Element[] = [];
  for (const { labels, v } of vector) {
    const value = operate(expr.op, typeof left === "number" ? left : v, typeof right === "number" ? right : v);
    if (typeof value !== "boolean") out.push({ labels: nameless(labels), v: value });
    else if (expr.bool) out.push({ labels: nameless(labels), v: Number(value) });
    else if (value) out.push({ labels, v });
  }
  return distinct(out);
}

function operate(op: string, a: number, b: number): number | boolean {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "==":
      return a === b;
    case "!=":
      return a !== b;
    case ">":
      return a > b;
    case "<=":
      return a <= b;
    default:
      throw new Error(`the oracle does not know ${op}`);
  }
}

function overTime(func: string, points: readonly OracleSample[], end: number, rangeMs: number): number | undefined {
  const values = points.map((point) => point.v);
  const first = points[0] as OracleSample;
  const last = points.at(-1) as OracleSample;
  switch (func) {
    case "count_over_time":
      return values.length;
    case "sum_over_time":
      return values.reduce((a, b) => a + b, 0);
    case "max_over_time":
      return Math.max(...values);
    case "min_over_time":
      return Math.min(...values);
    case "last_over_time":
      return last.v;
    case "changes":
      return values.filter((v, i) => i > 0 && v !== values[i - 1]).length;
    case "delta":
    case "rate": {
      if (points.length < 2) return undefined;
      let change = last.v - first.v;
      if (func === "rate")
        values.forEach((v, i) => (change += i > 0 && v < (values[i - 1] as number) ? (values[i - 1] as number) : 0));
      const span = (last.t - first.t) / 1000;
      const average = span / (points.length - 1);
      const bridge = (gap: number): number => (gap >= average * 1.1 ? average / 2 : gap);
      let before = bridge((first.t - (end - rangeMs)) / 1000);
      if (func === "rate" && change > 0 && first.v >= 0) before = Math.min(before, (span * first.v) / change);
      const whole = (change * (span + before + bridge((end - last.t) / 1000))) / span;
      return func === "rate" ? whole / (rangeMs / 1000) : whole;
    }
    default:
      throw new Error(`the oracle does not know ${func}`);
  }
}

function fold(op: string, values: readonly number[]): number {
  switch (op) {
    case "sum":
      return values.reduce((a, b) => a + b, 0);
    case "avg":
      return values.reduce((a, b) => a + b, 0) / values.length;
    case "count":
      return values.length;
    case "min":
      return Math.min(...values);
    case "max":
      return Math.max(...values);
    default:
      throw new Error(`the oracle does not know ${op}`);
  }
}

function nameless(labels: Labels): Labels {
  return labels.without(METRIC_NAME);
}

function distinct(elements: readonly Element[]): readonly Element[] {
  if (new Set(elements.map(({ labels }) => labels.key)).size < elements.length)
    throw new OracleFailure("same labelset");
  return elements;
}

/** Series with these labels, for tests. */
export function oracleSeries(labels: Readonly<Record<string, string>>, samples: readonly OracleSample[]): OracleSeries {
  return { labels: Labels.from(labels), samples };
}
