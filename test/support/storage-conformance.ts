/**
 * What every storage behind the port has to do, as tests that any implementation can run: the store, the naive
 * store, tiers, bundles and remote read. The last test drives the candidate and the naive store with the same random
 * history and compares every answer.
 */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Labels } from "../../src/model/labels.ts";
import { createMatcher, type Matcher, type MatchOp } from "../../src/model/matcher.ts";
import { NO_REF, type SampleColumn } from "../../src/model/sample.ts";
import type { Appendable, MetadataReader, Queryable, SelectHints } from "../../src/storage/storage.ts";
import { memoryStore } from "./memory-store.ts";

type TestedStorage = Appendable & Queryable & MetadataReader;

export interface Candidate {
  readonly storage: TestedStorage;
  /** Moves everything to where it finally rests (flush, reopen …). */
  settle?: () => Promise<TestedStorage>;
  close(): Promise<void>;
}

export interface ConformanceOptions {
  /** Random histories tried. */
  readonly histories?: number;
  /** Half of the range that counts as everything; longer ones may ask for raw samples. */
  readonly reachMs?: number;
  /** Settles once, behind all samples: what rests there takes no more. */
  readonly settlesLast?: boolean;
}

const T0 = 1_700_000_000_000;

export function hints(start: number, end: number, more: Partial<SelectHints> = {}): SelectHints {
  return { start, end, stepMs: 0, rangeMs: 0, func: "", ...more };
}

function points(column: SampleColumn): string[] {
  const out: string[] = [];
  for (let i = column.from; i < column.to; i++) {
    const v = column.v[i] as number;
    const text = column.stale?.[i] === 1 ? "stale" : Object.is(v, -0) ? "-0" : String(v);
    out.push(`${column.t[i]}=${text}`);
  }
  return out;
}

/** Everything a selector gives, without empty series, as text that compares well. */
export async function dump(
  storage: Queryable,
  matchers: readonly Matcher[],
  start: number,
  end: number,
): Promise<Record<string, string[]>> {
  using querier = storage.querier(start, end);
  const { series, columns } = await querier.select(matchers, hints(start, end));
  const scratch = { v: new Float64Array(1).fill(7) };
  columns?.labels.forEach((labels, i) => {
    const one = series[i];
    expect(one?.labels, "columns come in the order of the series").toBe(labels);
    expect(points(columns.samples(i, scratch)), "columns are the series").toEqual(
      one === undefined ? [] : points(one.samples()),
    );
  });
  const lines = series
    .map((one) => [one.labels.toString(), points(one.samples())] as const)
    .filter(([, list]) => list.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  expect(new Set(lines.map(([name]) => name)).size, "each series is given once").toBe(lines.length);
  return Object.fromEntries(lines);
}

const m = (name: string, op: MatchOp, value: string): Matcher => createMatcher(name, op, value);
const everything = [m("__name__", "=~", ".+")];

function metric(name: string, labels: Record<string, string> = {}): Labels {
  return Labels.from({ __name__: name, ...labels });
}

interface Step {
  readonly series: number;
  readonly t: number;
  readonly v: number;
  readonly stale: boolean;
}

const ALL = [
  ...[0, 1, 2, 3].map((i) => metric("page", { instance: "a:1", i: String(i) })),
  ...[0, 1].map((i) => metric("page", { instance: "b:1", i: String(i) })),
  metric("up", { instance: "a:1" }),
  metric("lonely"),
];

const value = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    5e-324,
    0.1,
    1e300,
    2 ** 53,
  ),
  fc.integer({ min: -1000, max: 1000 }),
  fc.double(),
);
const time = fc.integer({ min: -20, max: 60 }).map((n) => T0 + n * 5_000);
const commit = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      t: time,
      rowOf: fc.constantFrom(0, 1),
      values: fc.array(value, { minLength: 4, maxLength: 4 }),
      stale: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.array(
      fc.record({ series: fc.nat(ALL.length - 1), t: time, v: value, stale: fc.boolean() }) as fc.Arbitrary<Step>,
      { minLength: 1, maxLength: 6 },
    ),
  },
  { weight: 1, arbitrary: fc.constant("settle" as const) },
);
type Commit = typeof commit extends fc.Arbitrary<infer T> ? T : never;

const PAGES = [ALL.slice(0, 4), ALL.slice(4, 7)];

async function play(
  storage: TestedStorage,
  refsOf: Map<Labels[], Float64Array>,
  what: Exclude<Commit, "settle">,
): Promise<unknown> {
  const appender = storage.appender();
  if (Array.isArray(what)) {
    for (const { series, t, v, stale } of what) {
      const ref = appender.series(ALL[series] as Labels);
      if (stale) appender.appendStale(ref, t);
      else appender.append(ref, t, v);
    }
    return appender.commit();
  }
  const page = PAGES[what.rowOf] as Labels[];
  const known = refsOf.get(page);
  const refs = known ?? Float64Array.from(page, (labels) => appender.series(labels));
  refsOf.set(page, refs);
  const marks = what.stale ? Uint8Array.from(page, (_, i) => i % 2) : undefined;
  appender.appendRow(refs, what.t, Float64Array.from(what.values), page.length, marks);
  return appender.commit();
}

/** Declares the suite. `open` makes an empty storage that takes samples around 2023-11-14 and earlier. */
export function storageConformance(
  name: string,
  open: () => Promise<Candidate>,
  options: ConformanceOptions = {},
): void {
  const use = async (body: (candidate: Candidate) => Promise<void>): Promise<void> => {
    const candidate = await open();
    try {
      await body(candidate);
    } finally {
      await candidate.close();
    }
  };

  describe(`${name} keeps the storage port's promises`, () => {
    test("a committed sample is readable at once, an uncommitted or rolled back one never", () =>
      use(async ({ storage }) => {
        const appender = storage.appender();
        const ref = appender.series(metric("m"));
        appender.append(ref, T0, 1);
        expect(await dump(storage, everything, T0, T0)).toEqual({});
        expect(await appender.commit()).toMatchObject({ accepted: 1, duplicate: 0, limited: 0 });
        appender.append(ref, T0 + 1, 2);
        appender.rollback();
        await appender.commit();
        expect(await dump(storage, everything, T0, T0 + 10)).toEqual({ m: [`${T0}=1`] });
      }));

    test("both ends of a range are included, and the querier's range bounds the hint's", () =>
      use(async ({ storage }) => {
        const appender = storage.appender();
        const ref = appender.series(metric("m"));
        for (const i of [0, 1, 2, 3]) appender.append(ref, T0 + i, i);
        await appender.commit();
        expect(await dump(storage, everything, T0 + 1, T0 + 2)).toEqual({ m: [`${T0 + 1}=1`, `${T0 + 2}=2`] });
        using querier = storage.querier(T0 + 2, T0 + 3);
        const { series } = await querier.select(everything, hints(T0, T0 + 2));
        expect(points((series[0] as { samples(): SampleColumn }).samples())).toEqual([`${T0 + 2}=2`]);
      }));

    test("the first value of a time stays; the same value again is no mistake, another one is counted", () =>
      use(async ({ storage }) => {
        const appender = storage.appender();
        const ref = appender.series(metric("m"));
        appender.append(ref, T0, 1);
        await appender.commit();
        appender.append(ref, T0, 1);
        expect(await appender.commit()).toMatchObject({ accepted: 1, duplicate: 0 });
        appender.append(ref, T0, 2);
        expect(await appender.commit()).toMatchObject({ accepted: 0, duplicate: 1 });
        expect(await dump(storage, everything, T0, T0)).toEqual({ m: [`${T0}=1`] });
      }));

    test("rows, holes, refused entries and stale markers of one page", () =>
      use(async ({ storage }) => {
        const appender = storage.appender();
        const refs = Float64Array.of(appender.series(metric("a")), NO_REF, appender.series(metric("b")));
        appender.appendRow(refs, T0, Float64Array.of(1, 2, 3), 3);
        expect(await appender.commit()).toMatchObject({ accepted: 2 });
        appender.appendRow(refs, T0 + 1, Float64Array.of(4, 5, 6), 1);
        appender.appendStale(refs[2] as number, T0 + 1);
        await appender.commit();
        appender.appendRow(refs, T0 + 2, Float64Array.of(7, 0, 0), 3, Uint8Array.of(0, 0, 1));
        await appender.commit();
        expect(await dump(storage, everything, T0, T0 + 9)).toEqual({
          a: [`${T0}=1`, `${T0 + 1}=4`, `${T0 + 2}=7`],
          b: [`${T0}=3`, `${T0 + 1}=stale`, `${T0 + 2}=stale`],
        });
      }));

    test("samples of 1970 and before, and late ones, come out in order", () =>
      use(async ({ storage }) => {
        const appender = storage.appender();
        const ref = appender.series(metric("m"));
        for (const t of [10, 0, -10, 5, -86_400_000 * 400]) appender.append(ref, t, t);
        await appender.commit();
        expect(Object.values(await dump(storage, everything, -1e12, 1e12))).toEqual([
          [`${-86_400_000 * 400}=${-86_400_000 * 400}`, "-10=-10", "0=0", "5=5", "10=10"],
        ]);
      }));

    const selectors: readonly (readonly [matchers: readonly Matcher[], expected: readonly string[], why: string])[] = [
      [[m("__name__", "=", "page")], ["a0", "a1", "b0"], "equality"],
      [[m("instance", "=", "a")], ["a0", "a1", "up"], "equality on another label"],
      [[m("instance", "!=", "a")], ["b0", "none"], "a negative matcher accepts a missing label"],
      [[m("instance", "=", "")], ["none"], "the empty value is the missing label"],
      [[m("instance", "!=", "")], ["a0", "a1", "b0", "up"], "not empty means present"],
      [[m("i", "=~", "0|1"), m("instance", "=", "a")], ["a0", "a1"], "a set of values"],
      [[m("instance", "=~", "[ab]"), m("i", "!~", "1.*")], ["a0", "b0", "up"], "a regular expression and its negation"],
      [[m("i", "=~", ".*")], ["a0", "a1", "b0", "up", "none"], "a pattern that accepts the missing label"],
      [[m("i", "=~", "|0")], ["a0", "b0", "up", "none"], "a set with the missing label in it"],
      [[m("nosuch", "=", "x")], [], "a label nobody has"],
      [[m("nosuch", "!=", "x"), m("__name__", "=", "up")], ["up"], "a label nobody has, negated"],
      [[m("__name__", "=", "page"), m("i", "=", "0"), m("i", "!=", "0")], [], "a contradiction"],
    ];
    test.each(selectors)("selector %#: %s", (matchers, expected) =>
      use(async ({ storage }) => {
        const appender = storage.appender();
        const rows: [Labels, number][] = [
          [metric("page", { instance: "a", i: "0", is: "a0" }), 1],
          [metric("page", { instance: "a", i: "1", is: "a1" }), 1],
          [metric("page", { instance: "b", i: "0", is: "b0" }), 1],
          [metric("up", { instance: "a", is: "up" }), 1],
          [metric("other", { is: "none" }), 1],
        ];
        for (const [labels, v] of rows) appender.append(appender.series(labels), T0, v);
        await appender.commit();
        using querier = storage.querier(T0, T0);
        const { series } = await querier.select(matchers, hints(T0, T0));
        expect(series.map(({ labels }) => labels.get("is")).sort()).toEqual([...expected].sort());
        expect(await querier.labelValues("is", matchers)).toEqual([...expected].sort());
      }),
    );

    test("label names and values are sorted by UTF-8 bytes", () =>
      use(async ({ storage }) => {
        const appender = storage.appender();
        for (const v of ["\u{1f600}", "\uffee", "z", "a", "Z"])
          appender.append(appender.series(metric("m", { l: v, ü: "1" })), T0, 1);
        await appender.commit();
        using querier = storage.querier(T0, T0);
        expect(await querier.labelValues("l", [])).toEqual(["Z", "a", "z", "\uffee", "\u{1f600}"]);
        expect(await querier.labelNames([])).toEqual(["__name__", "l", "ü"]);
        expect(await querier.labelValues("nosuch", [])).toEqual([]);
      }));

    test("the newest description of a family wins", () =>
      use(async ({ storage }) => {
        const appender = storage.appender();
        appender.describe("a", { type: "gauge", help: "old", unit: "" });
        await appender.commit();
        appender.describe("a", { type: "counter", help: "new", unit: "bytes" });
        appender.describe("b", { type: "unknown", help: "", unit: "" });
        await appender.commit();
        expect(storage.metadata("a").get("a")).toEqual([{ type: "counter", help: "new", unit: "bytes" }]);
        expect([...storage.metadata().keys()].sort()).toEqual(["a", "b"]);
      }));

    test("any history reads like the naive store's", { timeout: 60_000 }, () =>
      fc.assert(
        fc.asyncProperty(fc.array(commit, { maxLength: 25 }), time, time, async (history, a, b) => {
          const oracle = memoryStore();
          const candidate = await open();
          try {
            let { storage } = candidate;
            let refs = new Map<Labels[], Float64Array>();
            const oracleRefs = new Map<Labels[], Float64Array>();
            for (const what of history) {
              if (what === "settle") {
                if (candidate.settle !== undefined && options.settlesLast !== true) {
                  storage = await candidate.settle();
                  refs = new Map();
                }
                continue;
              }
              await play(storage, refs, what);
              await play(oracle, oracleRefs, what);
            }
            const [start, end] = a < b ? [a, b] : [b, a];
            expect(await dump(storage, everything, start, end)).toEqual(await dump(oracle, everything, start, end));
            if (candidate.settle !== undefined) storage = await candidate.settle();
            const { reachMs = 1e9 } = options;
            const everywhere = [[], T0 - reachMs, T0 + reachMs] as const;
            expect(await dump(storage, ...everywhere)).toEqual(await dump(oracle, ...everywhere));
          } finally {
            await candidate.close();
          }
        }),
        { numRuns: options.histories ?? 50 },
      ),
    );
  });
}
