/**
 * Plays PromQL scripts: `load STEP` with series in the notation of rule unit tests, `clear`, `eval instant at T EXPR`,
 * `eval range from A to B step S EXPR`, then what is expected: series with values, a number, or `expect fail|ordered|
 * warn|info|string …`. Instant queries run a second time as the middle of a range query, which must agree.
 */
import { systemClock } from "../../src/base/clock.ts";
import { UserError } from "../../src/base/errors.ts";
import { parseDuration } from "../../src/model/duration.ts";
import { Labels } from "../../src/model/labels.ts";
import { type Engine, createEngine } from "../../src/promql/engine.ts";
import type { EngineResult } from "../../src/promql/options.ts";
import { parseExpr } from "../../src/promql/parse.ts";
import type { Value } from "../../src/promql/value.ts";
import { unwrapParens } from "../../src/promql/ast.ts";
import { type MemoryStore, memoryStore } from "./memory-store.ts";

/** One cell of a series: a number, a stale marker, or nothing. */
type Cell = number | "stale" | undefined;

interface ExpectedSeries {
  readonly labels: Labels;
  readonly cells: readonly Cell[];
}

interface Expectation {
  readonly series: ExpectedSeries[];
  scalar: number | undefined;
  string: string | undefined;
  ordered: boolean;
  fail: string | undefined;
  readonly warn: string[];
  readonly info: string[];
}

const RELATIVE_TOLERANCE = 1e-9;

/** Plays a whole script. @throws Error naming the line of the first surprise. */
export async function playScript(text: string, features?: ReadonlySet<string>): Promise<number> {
  const lines = text.split("\n").map((line) => line.trim());
  let store = memoryStore();
  let evaluations = 0;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    if (line === "" || line.startsWith("#")) continue;
    const body: string[] = [];
    const number = at + 1;
    while (at + 1 < lines.length && lines[at + 1] !== "") {
      at++;
      if (!(lines[at] as string).startsWith("#")) body.push(lines[at] as string);
    }
    try {
      if (line === "clear") store = memoryStore();
      else if (line.startsWith("load ")) await load(store, parseDuration(line.slice(5).trim()), body);
      else if (line.startsWith("eval ")) {
        const engine = createEngine({ queryable: store, clock: systemClock, ...(features && { features }) });
        await evalLine(engine, line, readExpectation(body));
        evaluations++;
      } else throw new Error("is neither load, clear nor eval");
    } catch (cause) {
      throw new Error(`line ${number}: ${line}: ${(cause as Error).message}`, { cause });
    }
  }
  return evaluations;
}

async function load(store: MemoryStore, stepMs: number, body: readonly string[]): Promise<void> {
  const appender = store.appender();
  for (const line of body) {
    const { labels, rest } = readSeries(line);
    const ref = appender.series(labels);
    readCells(rest).forEach((cell, i) => {
      if (cell === "stale") appender.appendStale(ref, i * stepMs);
      else if (cell !== undefined) appender.append(ref, i * stepMs, cell);
    });
  }
  await appender.commit();
}

/** `name{a="b"} values`: the selector syntax of the language, equality only. */
function readSeries(line: string): { readonly labels: Labels; readonly rest: string } {
  const brace = line.startsWith("{") || /^[a-zA-Z_:][a-zA-Z0-9_:]*\{/.test(line);
  const split = brace ? closingBrace(line) + 1 : line.search(/\s/);
  const head = split <= 0 ? line : line.slice(0, split);
  const rest = split <= 0 ? "" : line.slice(split).trim();
  if (head === "{}") return { labels: Labels.EMPTY, rest };
  const expr = parseExpr(head);
  if (expr.kind !== "selector") throw new Error(`"${head}" is not a series`);
  return { labels: Labels.from(expr.matchers.map(({ name, value }) => [name, value] as const)), rest };
}

function closingBrace(line: string): number {
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '"' && line[i - 1] !== "\\") quoted = !quoted;
    if (line[i] === "}" && !quoted) return i;
  }
  throw new Error("a brace stays open");
}

/** `1 2+3x4 _x2 stale`. */
function readCells(text: string): readonly Cell[] {
  return text.split(/\s+/).filter(Boolean).flatMap(readItem);
}

function readItem(item: string): readonly Cell[] {
  const number = "(?:[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?|[+-]?Inf|NaN)";
  const match = new RegExp(`^(_|stale|${number})([+-](?:\\d+\\.?\\d*|\\.\\d+))?(?:x(\\d+))?$`).exec(item);
  if (match === null) throw new Error(`"${item}" is no value`);
  const [, head = "", delta, times] = match;
  if (head === "_") return Array.from<Cell>({ length: times === undefined ? 1 : Number(times) });
  const count = times === undefined ? 1 : Number(times) + 1;
  if (head === "stale") return Array.from<Cell>({ length: count }).fill("stale");
  const start = readNumber(head);
  return Array.from({ length: count }, (_, i) => start + i * Number(delta ?? 0));
}

function readNumber(text: string): number {
  return text.endsWith("Inf") ? (text.startsWith("-") ? -Infinity : Infinity) : Number(text);
}

function readExpectation(body: readonly string[]): Expectation {
  const wanted: Expectation = {
    series: [],
    scalar: undefined,
    string: undefined,
    ordered: false,
    fail: undefined,
    warn: [],
    info: [],
  };
  for (const line of body) {
    const expect = /^expect (fail|ordered|warn|info|string)\b\s*(.*)$/.exec(line);
    if (expect === null) {
      if (/^[+-]?(?:[\d.]|Inf|NaN)/.test(line)) wanted.scalar = readNumber(line);
      else {
        const { labels, rest } = readSeries(line);
        wanted.series.push({ labels, cells: readCells(rest) });
      }
      continue;
    }
    const [, kind, text = ""] = expect;
    if (kind === "fail") wanted.fail = text;
    else if (kind === "ordered") wanted.ordered = true;
    else if (kind === "string") wanted.string = JSON.parse(text) as string;
    else (kind === "warn" ? wanted.warn : wanted.info).push(text);
  }
  return wanted;
}

async function evalLine(engine: Engine, line: string, wanted: Expectation): Promise<void> {
  const instant = /^eval instant at (\S+) (.+)$/.exec(line);
  const range = /^eval range from (\S+) to (\S+) step (\S+) (.+)$/.exec(line);
  if (instant !== null) {
    const at = parseDuration(instant[1] as string);
    const expr = instant[2] as string;
    if (
      !(await attempt(
        () => engine.instant(expr, at),
        wanted,
        (value) => compareInstant(value, wanted),
      ))
    )
      return;
    if (!["selector", "call", "aggregate", "binary", "unary"].includes(unwrapParens(engine.parse(expr)).kind)) return;
    // start(), end(), step() and range() are of the query, not of the moment.
    if (/\b(?:start|end|step|range)\s*\(/.test(expr)) return;
    const around = await engine.range(expr, at - 60_000, at + 60_000, 60_000);
    compareMiddle(around.value, at, wanted);
    return;
  }
  if (range === null) throw new Error("is no eval line");
  const [start, end, step] = [1, 2, 3].map((i) => parseDuration(range[i] as string)) as [number, number, number];
  const run = (): Promise<EngineResult> => engine.range(range[4] as string, start, end, step);
  await attempt(run, wanted, (value) => compareRange(value, wanted, start, step));
}

/** @returns false when the query was meant to fail and did. */
async function attempt(
  run: () => Promise<EngineResult>,
  wanted: Expectation,
  compare: (value: Value) => void,
): Promise<boolean> {
  let result: EngineResult;
  try {
    result = await run();
  } catch (error) {
    if (!(error instanceof UserError) || wanted.fail === undefined) throw error;
    if (!error.message.includes(wanted.fail)) {
      throw new Error(`failed with "${error.message}", not "${wanted.fail}"`, { cause: error });
    }
    return false;
  }
  if (wanted.fail !== undefined) throw new Error("should have failed");
  compare(result.value);
  compareNotes("warning", result.warnings, wanted.warn);
  compareNotes("info", result.infos, wanted.info);
  return true;
}

function compareNotes(kind: string, got: readonly string[], wanted: readonly string[]): void {
  for (const text of wanted) {
    if (!got.some((note) => note.includes(text)))
      throw new Error(`no ${kind} says "${text}", only ${JSON.stringify(got)}`);
  }
  if (wanted.length === 0 && got.length > 0) throw new Error(`unexpected ${kind} ${JSON.stringify(got)}`);
}

export function sameNumber(a: number, b: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  return a === b || Math.abs(a - b) <= RELATIVE_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

function compareInstant(value: Value, wanted: Expectation): void {
  if (wanted.string !== undefined) {
    if (value.kind !== "string" || value.s !== wanted.string) throw new Error(`gave ${JSON.stringify(value)}`);
    return;
  }
  if (wanted.scalar !== undefined) {
    if (value.kind !== "scalar" || !sameNumber(value.v, wanted.scalar))
      throw new Error(`gave ${JSON.stringify(value)}`);
    return;
  }
  if (value.kind !== "vector") throw new Error(`gave a ${value.kind}`);
  compareRows(
    value.samples.map(({ labels, v }) => ({ labels, cells: [v] })),
    wanted,
  );
}

function compareRange(value: Value, wanted: Expectation, start: number, step: number): void {
  if (value.kind !== "matrix") throw new Error(`gave a ${value.kind}`);
  const rows = value.series.map(({ labels, t, v }) => {
    const cells: Cell[] = [];
    t.forEach((time, i) => {
      cells[(time - start) / step] = v[i] as number;
    });
    return { labels, cells };
  });
  if (wanted.scalar === undefined) return compareRows(rows, wanted);
  throw new Error("a range query gives series; write {} and its values");
}

function compareMiddle(value: Value, at: number, wanted: Expectation): void {
  if (value.kind !== "matrix") throw new Error(`gave a ${value.kind} over a range`);
  const rows: ExpectedSeries[] = [];
  for (const { labels, t, v } of value.series) {
    const i = t.indexOf(at);
    if (i >= 0) rows.push({ labels, cells: [v[i]] });
  }
  const scalar = wanted.scalar === undefined ? [] : [{ labels: Labels.EMPTY, cells: [wanted.scalar] }];
  try {
    compareRows(rows, { ...wanted, ordered: false, series: [...wanted.series, ...scalar] });
  } catch (cause) {
    throw new Error(`over a range ${(cause as Error).message}`, { cause });
  }
}

function compareRows(got: readonly ExpectedSeries[], wanted: Expectation): void {
  const rest = new Map(got.map((row, i) => [row.labels.key, { row, i }]));
  if (rest.size !== got.length) throw new Error("gave two elements with the same labels");
  for (const [i, { labels, cells }] of wanted.series.entries()) {
    const found = rest.get(labels.key);
    if (found === undefined)
      throw new Error(`missed ${String(labels)}; gave ${got.map((row) => String(row.labels)).join(" ")}`);
    rest.delete(labels.key);
    if (wanted.ordered && found.i !== i)
      throw new Error(`gave ${String(labels)} at place ${found.i + 1}, not ${i + 1}`);
    const length = Math.max(cells.length, found.row.cells.length);
    for (let at = 0; at < length; at++) {
      const a = found.row.cells[at];
      const b = cells[at];
      const same = typeof a === "number" && typeof b === "number" ? sameNumber(a, b) : a === b;
      if (!same) throw new Error(`gave ${String(labels)} ${String(a)} at ${at}, not ${String(b)}`);
    }
  }
  const [extra] = rest.values();
  if (extra !== undefined) throw new Error(`gave ${String(extra.row.labels)} ${extra.row.cells.join(" ")} as well`);
}
