/** The columnar engine against the slow oracle, on random expressions over random data; and print against parse. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { UserError } from "../../src/base/errors.ts";
import { compileRegexp } from "../../src/model/regexp.ts";
import { createEngine } from "../../src/promql/engine.ts";
import { exprType } from "../../src/promql/check.ts";
import type { EngineResult } from "../../src/promql/options.ts";
import { parseExpr } from "../../src/promql/parse.ts";
import { prettyExpr } from "../../src/promql/pretty.ts";
import { printExpr } from "../../src/promql/print.ts";
import type { MatrixSeries } from "../../src/promql/value.ts";
import { memoryStore } from "../support/memory-store.ts";
import { type Element, Oracle, OracleFailure, type OracleSeries, oracleSeries } from "../support/promql-oracle.ts";
import { sameNumber } from "../support/promql-script.ts";
import { RE2JS } from "re2js";

const STEP_MS = 15_000;

const samples = fc
  .array(fc.record({ gap: fc.integer({ min: 1, max: 8 }), v: fc.integer({ min: 0, max: 20 }), stale: fc.boolean() }), {
    maxLength: 30,
  })
  .map((list) => {
    let t = -60_000;
    return list.map(({ gap, v, stale }, i) => {
      t += gap * STEP_MS + (i % 3) * 1_000;
      return { t, v, stale: stale && i % 4 === 0 };
    });
  });

const data: fc.Arbitrary<readonly OracleSeries[]> = fc
  .uniqueArray(fc.tuple(fc.constantFrom("m", "n"), fc.constantFrom("a", "b"), fc.constantFrom("", "x", "y"), samples), {
    selector: ([name, i, j]) => name + i + j,
    minLength: 1,
    maxLength: 6,
  })
  .map((list) => list.map(([name, i, j, points]) => oracleSeries({ __name__: name, i, j }, points)));

const modifier = fc.constantFrom(
  "",
  "",
  "",
  " offset 1m",
  " offset -30s",
  " @ 120",
  " @ end()",
  " @ start() offset 15s",
);
const name = fc.constantFrom("m", "n", 'm{i="a"}', 'n{j!="x"}', '{__name__=~"m|n"}', 'm{j=~"x|"}');
const selector = fc.tuple(name, modifier).map(([base, mod]) => base + mod);
const overTime = fc.constantFrom(
  "rate",
  "delta",
  "count_over_time",
  "sum_over_time",
  "max_over_time",
  "min_over_time",
  "last_over_time",
  "changes",
);
const window = fc.constantFrom("30s", "1m", "100s", "5m");

const { vector } = fc.letrec<{ vector: string; scalar: string }>((tie) => ({
  scalar: fc.oneof(
    fc.integer({ min: -3, max: 12 }).map(String),
    fc.tuple(tie("scalar"), fc.constantFrom("+", "-", "*"), tie("scalar")).map(([a, op, b]) => `(${a} ${op} ${b})`),
  ),
  vector: fc.oneof(
    { depthSize: "small" },
    selector,
    fc.tuple(overTime, name, window, modifier).map(([f, n, w, m]) => `${f}(${n}[${w}]${m})`),
    fc
      .tuple(overTime, tie("vector"), window, fc.constantFrom("15s", "20s", "1m", ""), modifier)
      .map(([f, v, w, s, m]) => `${f}((${v})[${w}:${s}]${m})`),
    fc
      .tuple(
        fc.constantFrom("sum", "avg", "count", "min", "max"),
        fc.constantFrom("", "by (i)", "without (j)", "by (j, i)"),
        tie("vector"),
      )
      .map(([op, by, v]) => `${op} ${by} (${v})`),
    fc
      .tuple(tie("vector"), fc.constantFrom("+", "-", "*", "/", ">", "<= bool", "== bool", "!="), tie("scalar"))
      .map(([v, op, s]) => `(${v} ${op} ${s})`),
    fc
      .tuple(tie("scalar"), fc.constantFrom("+", "-", ">", "<= bool"), tie("vector"))
      .map(([s, op, v]) => `(${s} ${op} ${v})`),
    fc
      .tuple(
        tie("vector"),
        fc.constantFrom("+", "-", ">", "<= bool", "and", "or", "unless"),
        fc.constantFrom("", "on (i)", "on (i, j)", "ignoring (j)"),
        tie("vector"),
      )
      .map(([a, op, how, b]) => `(${a} ${op} ${how} ${b})`),
    tie("vector").map((v) => `-${v}`),
    tie("vector").map((v) => `abs(${v})`),
  ),
}));

async function fill(series: readonly OracleSeries[]): Promise<ReturnType<typeof memoryStore>> {
  const store = memoryStore();
  const appender = store.appender();
  for (const { labels, samples: points } of series) {
    const ref = appender.series(labels);
    for (const { t, v, stale } of points) {
      if (stale) appender.appendStale(ref, t);
      else appender.append(ref, t, v);
    }
  }
  await appender.commit();
  return store;
}

function expected(
  text: string,
  series: readonly OracleSeries[],
  times: readonly number[],
): Map<string, number>[] | undefined {
  const oracle = new Oracle(series, { start: times[0] as number, end: times.at(-1) as number });
  try {
    const expr = parseExpr(text);
    return times.map(
      (t) => new Map((oracle.at(expr, t) as readonly Element[]).map(({ labels, v }) => [labels.key, v])),
    );
  } catch (error) {
    if (error instanceof OracleFailure) return undefined;
    throw error;
  }
}

function cells(matrix: readonly MatrixSeries[], time: number): Map<string, number> {
  const out = new Map<string, number>();
  for (const { labels, t, v } of matrix) {
    const i = t.indexOf(time);
    if (i >= 0) out.set(labels.key, v[i] as number);
  }
  return out;
}

/** What a query gave at each time; undefined when the data broke a rule of the language. */
async function actual(
  text: string,
  series: readonly OracleSeries[],
  times: readonly number[],
  stepMs: number,
): Promise<Map<string, number>[] | undefined> {
  const engine = createEngine({ queryable: await fill(series), clock: systemClock });
  try {
    const { value } = await engine.range(text, times[0] as number, times.at(-1) as number, stepMs);
    if (value.kind !== "matrix") throw new Error(`a range query gave a ${value.kind}`);
    return times.map((time) => cells(value.series, time));
  } catch (error) {
    if (error instanceof UserError && error.code === "promql-execution") return undefined;
    throw error;
  }
}

/** The first difference between two answers, in words. */
function difference(
  got: Map<string, number>[] | undefined,
  want: Map<string, number>[] | undefined,
): string | undefined {
  if (got === undefined || want === undefined) return got === want ? undefined : "one failed, the other did not";
  for (const [step, elements] of want.entries()) {
    const answer = got[step] ?? new Map<string, number>();
    const keys = (map: ReadonlyMap<string, number>): string => JSON.stringify([...map.keys()].sort());
    if (keys(answer) !== keys(elements)) return `step ${step}: ${keys(answer)}, not ${keys(elements)}`;
    for (const [key, v] of elements) {
      const given = answer.get(key) as number;
      if (!sameNumber(given, v) && Math.abs(given - v) > 1e-9) return `step ${step}: ${key} ${given}, not ${v}`;
    }
  }
  return undefined;
}

const SCENARIO = fc.tuple(
  data,
  vector,
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(1, 15_000, 37_000, 60_000),
  fc.integer({ min: 1, max: 6 }),
);

/** Divides every step and offset that the arbitraries make. */
const FINE_MS = 5_000;

/**
 * A sub-query is evaluated over the whole span of its outer windows, as Prometheus does: data that break a rule between
 * two windows fail the query, though no step alone meets them. Fine steps everywhere leave nothing between.
 */
function failsBetween(text: string, series: readonly OracleSeries[], times: readonly number[]): boolean {
  if (!text.includes(":")) return false;
  const first = Math.floor((times[0] as number) / FINE_MS) * FINE_MS;
  const count = Math.ceil(((times.at(-1) as number) - first) / FINE_MS) + 1;
  const fine = Array.from({ length: count }, (_, i) => first + i * FINE_MS);
  return expected(text.replace(/:\w*\]/g, `:${FINE_MS}ms]`), series, fine) === undefined;
}

test("every step of a range query is what the oracle says, failures included", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(SCENARIO, async ([series, text, startSeconds, stepMs, steps]) => {
      fc.pre(text.length < 400);
      const times = Array.from({ length: steps }, (_, i) => startSeconds * 1000 + i * stepMs);
      const got = await actual(text, series, times, stepMs);
      if (got === undefined && failsBetween(text, series, times)) return;
      expect(difference(got, expected(text, series, times))).toBeUndefined();
    }),
    { numRuns: 600 },
  );
});

/** Elements of an instant query, or of the one step of a range query, or the error. */
async function elements(run: Promise<EngineResult>): Promise<unknown> {
  try {
    const { value } = await run;
    if (value.kind === "vector") return value.samples.map(({ labels, v }) => [labels.key, v]);
    if (value.kind === "matrix") return value.series.map(({ labels, v }) => [labels.key, v[0]]);
    return value;
  } catch (error) {
    return String(error);
  }
}

test("an instant query is one step of a range query", async () => {
  await fc.assert(
    fc.asyncProperty(data, vector, fc.integer({ min: 0, max: 300 }), async (series, text, seconds) => {
      fc.pre(text.length < 400);
      const engine = createEngine({ queryable: await fill(series), clock: systemClock });
      const at = seconds * 1000;
      expect(await elements(engine.instant(text, at))).toEqual(await elements(engine.range(text, at, at, 1_000)));
    }),
    { numRuns: 200 },
  );
});

test("printing and parsing again changes nothing", () => {
  const shape = (text: string): string =>
    JSON.stringify(parseExpr(text), (key, v: unknown) => (key === "span" ? undefined : v));
  fc.assert(
    fc.property(vector, (text) => {
      const expr = parseExpr(text);
      expect(exprType(expr)).toBe("instant vector");
      const printed = printExpr(expr);
      expect(shape(printed)).toBe(shape(text));
      expect(shape(prettyExpr(expr))).toBe(shape(text));
      expect(printExpr(parseExpr(printed))).toBe(printed);
    }),
    { numRuns: 500 },
  );
});

/** The words of a refusal, "" when the text is read. */
function refusal(text: string): string {
  try {
    parseExpr(text);
    return "";
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

test("any text is either read or refused with a place", () => {
  const word = fc.constantFrom(
    "sum",
    "by",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "5m",
    "up",
    "+",
    "-",
    "offset",
    "@",
    ",",
    '"x"',
    "=",
    "=~",
    "1",
    ":",
    "rate",
    "and",
    "on",
    "bool",
    " ",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(word).map((words) => words.join(" ")),
      ),
      (text) => {
        expect(refusal(text)).toMatch(/^$|^(?:\d+:\d+|unknown position): parse error: |characters/);
      },
    ),
    { numRuns: 1_000 },
  );
});

type Predicate = (text: string) => boolean;

function ours(source: string): Predicate {
  const { matches, set, prefix } = compileRegexp(source);
  return (text) => {
    const answer = matches(text);
    // What is pushed down must say the same as the match.
    const pushed = (set === undefined || set.includes(text) === answer) && (!answer || text.startsWith(prefix));
    return pushed ? answer : !answer;
  };
}

function theirs(source: string): Predicate {
  const compiled = RE2JS.compile(`^(?s:${source})$`);
  return (text) => compiled.matches(text);
}

function verdicts(compile: () => Predicate, texts: readonly string[]): readonly boolean[] | "refused" {
  let predicate: Predicate;
  try {
    predicate = compile();
  } catch {
    return "refused";
  }
  return texts.map((text) => predicate(text));
}

test("fast regular expressions agree with re2js", () => {
  const piece = fc.constantFrom(
    "a",
    "b",
    "ab",
    ".",
    ".*",
    ".+",
    "a*",
    "b?",
    "[ab]",
    "[^a]",
    "(a|b)",
    "(ab|b)?",
    "a|b",
    "(?i)A",
    "\\w",
    "^",
    "$",
    "x{1,2}",
  );
  const pattern = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(""));
  const text = fc
    .array(fc.constantFrom("a", "b", "A", "x", "\n", "😀"), { maxLength: 6 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 8 }), (source, texts) => {
      expect(verdicts(() => ours(source), texts)).toEqual(verdicts(() => theirs(source), texts));
    }),
    { numRuns: 1_000 },
  );
});
