import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { axisRange, createAxisMemory, niceCeil } from "../../../src/panel/axis.ts";
import { buildFrame, failedAnswer, LINES_MAX } from "../../../src/panel/build.ts";
import { healthLines, healthRows } from "../../../src/panel/health.ts";
import { oncePanels } from "../../../src/panel/once.ts";
import type { PanelAnswer, PanelWindow } from "../../../src/panel/query.ts";
import { frame, line, matrix, NOON, spec, STEP, vector } from "./frames.ts";

const WINDOW: PanelWindow = { at: NOON, spanMs: 4 * STEP, columns: 60, rateMs: 60_000, utc: true };
const ID = "test.panel#0.0";

describe("lines", () => {
  it("lie on the window's grid with gaps where there was no point", () => {
    const built = buildFrame(
      spec(),
      [
        matrix(ID, [
          [
            { instance: "a" },
            [
              [NOON - 3 * STEP, 1],
              [NOON - STEP, 3],
              [NOON, 4],
            ],
          ],
        ]),
      ],
      WINDOW,
    );
    expect([...(built.lines[0]?.v ?? [])]).toEqual([Number.NaN, 1, Number.NaN, 3, 4]);
    expect(built.lines[0]).toMatchObject({ legend: "a", last: 4, labels: { instance: "a" } });
    expect([...built.t]).toEqual([0, 1, 2, 3, 4].map((i) => NOON - (4 - i) * STEP));
    expect(built.state).toBe("ok");
  });

  it("take the value at the moment where it was asked, and lose the value of a series that is gone", () => {
    const answers = [
      matrix(ID, [
        [{ instance: "a" }, [[NOON, 1]]],
        [{ instance: "b" }, [[NOON, 2]]],
      ]),
      vector(`${ID}@`, NOON + 5, [
        [{ instance: "a" }, 7],
        [{ instance: "new" }, 9],
      ]),
    ];
    const built = buildFrame(spec(), answers, { ...WINDOW, at: NOON + 5 });
    expect(built.lines.map((l) => [l.legend, l.last])).toEqual([
      ["a", 7],
      ["b", Number.NaN],
      ["new", 9],
    ]);
  });

  it("come from the first alternative that has a number", () => {
    const panel = spec({ queries: [{ legend: "", exprs: ["old", "idle", "new"] }] });
    const answers = [
      matrix("test.panel#0.0", []),
      matrix("test.panel#0.1", [[{}, [[NOON, Number.NaN]]]]),
      matrix("test.panel#0.2", [[{}, [[NOON, 5]]]]),
    ];
    expect(buildFrame(panel, answers, WINDOW).exprs).toEqual(["new"]);
    expect(buildFrame(panel, answers.slice(0, 2), WINDOW).exprs).toEqual(["idle"]);
  });

  it("fall back to what tells them apart when the legend's label is missing", () => {
    const built = buildFrame(spec(), [matrix(ID, [[{ __name__: "m", job: "x", zone: "y" }, [[NOON, 1]]]])], WINDOW);
    expect(built.lines[0]?.legend).toBe("x y");
  });

  it("are bounded: the highest stay, in their own order, and all of them are judged", () => {
    const panel = spec({ thresholds: [{ at: 1, state: "crit", below: true }] });
    const many = Array.from({ length: 500 }, (_, i) => [{ instance: `i${i}` }, [[NOON, i]]] as const);
    const built = buildFrame(panel, [matrix(ID, many)], WINDOW);
    expect(built.lines).toHaveLength(LINES_MAX);
    expect(built.lines[0]?.legend).toBe(`i${500 - LINES_MAX}`);
    expect([built.state, built.reason]).toEqual(["crit", "1 of 500 under 1 %: i0"]);
  });
});

describe("state and reason", () => {
  const thresholds = [
    { at: 80, state: "warn" },
    { at: 95, state: "crit" },
  ] as const;
  it.each([
    { values: [80], state: "ok", reason: undefined, why: "80 is not over 80" },
    { values: [81], state: "warn", reason: "81 %, over 80 %", why: "one line names its value" },
    { values: [50, 99, 97], state: "crit", reason: "2 of 3 over 95 %: i1, i2", why: "the worst, counted and named" },
    { values: [50, 85], state: "warn", reason: "1 of 2 over 80 %: i1", why: "the rest is well" },
    { values: [Number.POSITIVE_INFINITY], state: "crit", reason: "+Inf, over 95 %", why: "more than anything" },
    { values: [Number.NaN], state: "unknown", reason: "no value: idle in this span", why: "absence is never ok" },
  ])("$values is $state: $why", ({ values, state, reason }) => {
    const series = values.map((v, i) => [{ instance: `i${i}` }, [[NOON, v]]] as const);
    const built = buildFrame(spec({ thresholds }), [matrix(ID, series)], WINDOW);
    expect([built.state, built.reason]).toEqual([state, reason]);
  });

  const none = [matrix(ID, [])];
  it("a counter scraped once is known and has no rate yet", () => {
    const rate = spec({ queries: [{ legend: "", exprs: ["rate(cpu_used[$rate])"] }] });
    const built = buildFrame(rate, none, WINDOW, { metrics: new Set(["cpu_used"]) });
    expect([built.state, built.reason]).toEqual(["unknown", "no data in this span; a rate takes two samples"]);
  });
  it.each<{ answers: PanelAnswer[]; window?: Partial<PanelWindow>; facts?: object; reason: string; why: string }>([
    {
      answers: none,
      facts: { metrics: new Set(["up"]) },
      reason: "never scraped: cpu_used",
      why: "the store has no such name",
    },
    {
      answers: none,
      facts: { metrics: new Set(), settled: false },
      reason: "waiting for the first scrape",
      why: "just started",
    },
    {
      answers: none,
      facts: { metrics: new Set(["cpu_used"]) },
      reason: "no data in this span",
      why: "known, but not now",
    },
    {
      answers: none,
      facts: { metrics: new Set(["cpu_used"]), lastSeen: () => NOON - 90_000 },
      reason: "stale since 11:58:30",
      why: "the store knows when",
    },
    {
      answers: none,
      window: { filter: 'instance="x"' },
      facts: { metrics: new Set(["cpu_used"]) },
      reason: 'filtered: nothing matches instance="x"',
      why: "the person's own filter",
    },
    { answers: none, reason: "no data: never scraped, or not in this span", why: "a source that cannot tell" },
    { answers: [failedAnswer(ID, new Error("boom"))], reason: "query failed: boom", why: "the query's own words" },
    {
      answers: [failedAnswer(ID, new Error("403 Forbidden"))],
      reason: "no permission: 403 Forbidden",
      why: "somebody refused",
    },
    { answers: [], reason: "no data: never scraped, or not in this span", why: "no answer at all" },
    {
      answers: [matrix(ID, [[{}, [[NOON - 2 * STEP, 3]]]])],
      reason: "stale since 11:59:30",
      why: "the last point is in the past",
    },
    {
      answers: [matrix(ID, [[{}, [[NOON - 2 * STEP, 3]]]])],
      window: { at: NOON + 86_400_000, spanMs: 90_000_000, columns: 11_000 },
      reason: "stale since 2026-03-01 11:59:30",
      why: "yesterday has a date",
    },
  ])("says $reason: $why", ({ answers, window, facts, reason }) => {
    const built = buildFrame(spec(), answers, { ...WINDOW, ...window }, facts);
    expect([built.state, built.reason]).toEqual(["unknown", reason]);
  });
});

it("what leaves out the idle is not stale when it ends", () => {
  const panel = spec({ queries: [{ legend: "", exprs: ["a / (b > 0)"] }] });
  const built = buildFrame(panel, [matrix(ID, [[{}, [[NOON - 2 * STEP, 3]]]])], WINDOW);
  expect(built.reason).toBe("no value since 11:59:30");
});

describe("axis", () => {
  it.each([
    { v: 47.3, nice: 50 },
    { v: 50, nice: 50 },
    { v: 0.0123, nice: 0.015 },
    { v: 0, nice: 1 },
    { v: Number.NaN, nice: 1 },
    { v: 1e308, nice: 1e300 },
  ])("a round number above $v is $nice", ({ v, nice }) => {
    expect(niceCeil(v)).toBeCloseTo(nice, 10);
  });

  it.each([
    {
      low: -0.1,
      high: 3,
      fixed: { min: 0, max: 100 },
      range: { min: 0, max: 100 },
      why: "jitter does not move a floor",
    },
    {
      low: 0,
      high: 130,
      fixed: { min: 0, max: 100 },
      range: { min: 0, max: 150 },
      why: "more than the maximum is shown",
    },
    { low: -3, high: 7, fixed: {}, range: { min: -3, max: 8 }, why: "nothing declared" },
    { low: 0, high: 3e9, fixed: { binary: true }, range: { min: 0, max: 3 * 2 ** 30 }, why: "bytes in powers of two" },
  ])("from $low to $high: $why", ({ low, high, fixed, range }) => {
    expect(axisRange(low, high, fixed)).toEqual(range);
  });

  it("is finite with min below max, whatever the data", () => {
    fc.assert(
      fc.property(
        fc.double(),
        fc.double(),
        fc.boolean(),
        fc.option(fc.double(), { nil: undefined }),
        (a, b, binary, max) => {
          const range = axisRange(a, b, { min: 0, max, binary });
          expect(Number.isFinite(range.min) && Number.isFinite(range.max)).toBe(true);
          expect(range.min).toBeLessThan(range.max);
        },
      ),
    );
  });

  it("grows at once and shrinks after three calm frames", () => {
    const memory = createAxisMemory();
    const maxima = [100, 200, 100, 100, 100, 100].map((max) => memory.settle("a", frame([], { max })).max);
    expect(maxima).toEqual([100, 200, 200, 200, 100, 100]);
  });
});

describe("an engine that has just started", () => {
  const busy = { thresholds: [{ at: 90, state: "crit" as const }] };
  const rate = { ...busy, queries: [{ legend: "", exprs: ["rate(cpu[$rate])"] }] };
  it.each([
    { why: "its own start is most of what a rate has seen", ageMs: 1_000, more: rate, v: 98, state: "unknown" },
    { why: "five seconds are enough", ageMs: 5_000, more: rate, v: 98, state: "crit" },
    { why: "what is well may be said at once", ageMs: 1_000, more: rate, v: 10, state: "ok" },
    { why: "a gauge needs no history", ageMs: 1_000, more: busy, v: 98, state: "crit" },
    { why: "the past was there before it", ageMs: -60_000, more: rate, v: 98, state: "crit" },
  ])("is $state with $v after $ageMs ms: $why", ({ ageMs, more, v, state }) => {
    const answers = [vector(`${ID}@`, NOON, [[{ instance: "a" }, v]]), matrix(ID, [])];
    const built = buildFrame(spec(more), answers, WINDOW, { startedAt: NOON - ageMs });
    expect(built).toMatchObject({ state, lines: [{ last: v }] });
    if (state === "unknown") expect(built.reason).toBe("just started; so far 98 %, over 90 %");
  });
});

describe("healthRows", () => {
  const use = (method: "USE.U" | "USE.S" | "USE.E", value: number, warn: number): ReturnType<typeof frame> =>
    frame(
      [line("a", [value])],
      { state: value > warn ? "warn" : "ok", reason: "why" },
      { method, title: method, thresholds: [{ at: warn, state: "warn" }] },
    );

  it("has one row a resource with its methods in order, the worst first", () => {
    const red = frame(
      [line("x", [0.2], { service: "shop" }), line("y", [0], { job: "mes" })],
      {},
      {
        method: "RED.E",
        title: "Errors",
        unit: "ratio",
        thresholds: [{ at: 0.1, state: "crit" }],
      },
    );
    const rows = healthRows([use("USE.S", 1, 2), use("USE.U", 3, 2), red]);
    expect(rows.map((r) => [r.resource, r.kind, r.state, r.why, r.cells.map((c) => c.method)])).toEqual([
      ["shop", "service", "crit", "Errors 20 %, over 10 %", ["RED.E"]],
      ["cpu", "resource", "warn", "USE.U: why", ["USE.U", "USE.S"]],
      ["mes", "service", "ok", "", ["RED.E"]],
    ]);
    expect(healthLines(rows)).toContainEqual({
      resource: "cpu",
      kind: "resource",
      method: "USE.S",
      state: "ok",
      why: "",
    });
  });
  it("leaves out what was never scraped, unless all is asked for", () => {
    const empty = frame([], { state: "unknown", reason: "never scraped" });
    expect(healthRows([empty])).toEqual([]);
    expect(healthRows([empty], { all: true })).toMatchObject([{ state: "unknown", why: "CPU: never scraped" }]);
  });
  it("counts switches instead of showing one of them", () => {
    const switches = (...values: readonly number[]): string | undefined => {
      const panel = spec({ kind: "table", unit: "bool", method: "USE.U" });
      const samples = values.map((v, i) => [{ instance: `i${i}` }, v] as const);
      const built = buildFrame(panel, [vector(`${ID}@`, NOON, samples)], WINDOW);
      return healthRows([built])[0]?.cells[0]?.value;
    };
    expect(switches(1, 0, 1)).toBe("2/3 up");
    expect(switches(1, Number.NaN, 0)).toBe("1/2 up");
    expect(switches(...Array.from({ length: 100 }, (_, i) => i % 2))).toBe("50/100 up");
    expect(switches(1)).toBe("up");
    expect(switches(0)).toBe("down");
  });
  it("shows the worse of two panels of the same method", () => {
    expect(healthRows([use("USE.E", 1, 2), use("USE.E", 3, 2)])[0]?.state).toBe("warn");
  });
});

it("oncePanels gives numbers that JSON can hold", () => {
  const [panel] = oncePanels([frame([line("a", [1, Number.NaN, Number.POSITIVE_INFINITY])], { reason: "why" })], {
    values: true,
  });
  expect(JSON.parse(JSON.stringify(panel))).toEqual({
    id: "test.panel",
    view: "hosts",
    title: "CPU",
    unit: "percent",
    exprs: ["cpu_used"],
    state: "ok",
    reason: "why",
    series: [
      {
        legend: "a",
        labels: {},
        last: "+Inf",
        values: [
          [(NOON - 2 * STEP) / 1000, 1],
          [NOON / 1000, "+Inf"],
        ],
      },
    ],
  });
});

it("buildFrame takes any answer: times off the grid, series without end, labels of every kind", () => {
  const point = fc.tuple(
    fc.oneof(fc.integer(), fc.double(), fc.integer({ min: NOON - 90_000, max: NOON })),
    fc.double(),
  );
  const series = fc.tuple(fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), fc.array(point));
  fc.assert(
    fc.property(
      fc.array(series, { maxLength: 80 }),
      fc.boolean(),
      fc.string({ unit: "binary" }),
      (answer, instant, legend) => {
        const panel = spec({ queries: [{ legend: `${legend}{{${legend}}}`, exprs: ["a"] }] });
        const answers = [
          matrix(ID, answer),
          ...(instant
            ? [
                vector(
                  `${ID}@`,
                  NOON,
                  answer.map(([labels, points]) => [labels, points[0]?.[1] ?? 1] as const),
                ),
              ]
            : []),
        ];
        const built = buildFrame(panel, answers, WINDOW);
        expect(built.lines.length).toBeLessThanOrEqual(LINES_MAX);
        for (const l of built.lines) expect(l.v).toHaveLength(built.t.length);
        expect(built.state === "ok" || built.reason !== undefined).toBe(true);
        expect(built.min).toBeLessThan(built.max);
        expect(() => JSON.stringify(oncePanels([built], { values: true }))).not.toThrow();
      },
    ),
    { numRuns: 150 },
  );
});
