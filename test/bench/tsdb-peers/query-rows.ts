/**
 * Queries over HTTP, JSON included, beside the peers: aggregates of thousands of series, answers of megabytes, panels of
 * one line, each class with its geometric mean; and a panel drawn again. One run feeds all programs the same samples,
 * asks them in turn and compares what they answer.
 */
import { type BenchRow, median, progress } from "../../support/bench.ts";
import { tempDir } from "../../support/process.ts";
import { feed } from "./feed.ts";
import { type Kind, type Program, startProgram } from "./programs.ts";
import {
  ask,
  bucketFeed,
  type Effort,
  type QueryCase,
  type QueryClass,
  queryCases,
  queryMs,
  type RangeCase,
} from "./queries.ts";

const RANGES: readonly RangeCase[] = [
  { what: "1 h / 15 s", spanMs: 3_600_000, stepMs: 15_000 },
  { what: "6 h / 60 s", spanMs: 6 * 3_600_000, stepMs: 60_000 },
];
const EFFORT: Effort = { runs: 9, warmMs: 400 };
/** A hundred thousand series take seconds each time. */
const EFFORT_LARGE: Effort = { runs: 3, warmMs: 100 };
const SERIES_LARGE = 100_000;
const REDRAWS = 41;

export type Bound = readonly [peer: Kind, most: number];

/** What was promised is the first; the others must not be slower than Prometheus, whose floor they share: HTTP and JSON. */
const BOUNDS: Readonly<Record<QueryClass, readonly Bound[]>> = {
  "aggregates of all series": [
    ["Prometheus", 0.3],
    ["VictoriaMetrics", 1],
  ],
  "large answers": [["Prometheus", 1]],
  "small aggregates": [["Prometheus", 1]],
};

/** Our value beside the peers', with bounds as multiples of theirs. */
export function beside(
  what: string,
  unit: string,
  values: ReadonlyMap<Kind, number>,
  bounds: readonly Bound[],
): BenchRow[] {
  const peers = [...values]
    .filter(([kind]) => kind !== "opsmon")
    .map(([name, value]) => {
      const bound = bounds.find(([peer]) => peer === name);
      return { name, value, ...(bound === undefined ? {} : { atMost: bound[1] }) };
    });
  return [{ what, value: values.get("opsmon") as number, unit, peers }];
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** A window that ended ten minutes ago, asked again and again; and the same a step later each time. */
async function redraw(own: Program, { expr }: QueryCase, range: RangeCase, end: number): Promise<BenchRow[]> {
  const settled = end - 600_000 - REDRAWS * range.stepMs;
  const draw = async (at: number): Promise<number> =>
    (await ask(own, expr, at - range.spanMs + 600_000, at, range.stepMs)).ms;
  await draw(settled);
  const again: number[] = [];
  const slid: number[] = [];
  for (let run = 0; run < REDRAWS; run++) again.push(await draw(settled));
  for (let run = 1; run <= REDRAWS; run++) slid.push(await draw(settled + run * range.stepMs));
  return [
    { what: `${range.what}: a panel drawn again`, value: median(again), unit: "ms", atMost: 1 },
    { what: `${range.what}: the same, a step later each time`, value: median(slid), unit: "ms" },
  ];
}

/** @param sizes numbers of series, each measured by itself. */
export async function queryRows(kinds: readonly Kind[], sizes: readonly number[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const series of sizes) {
    const cases = queryCases(series);
    const all = new Map<QueryClass, Map<Kind, number[]>>();
    for (const range of RANGES) {
      using home = tempDir();
      const programs: Program[] = [];
      try {
        for (const kind of kinds) programs.push(await startProgram(kind, home.path));
        const end = Math.floor(Date.now() / 60_000) * 60_000 - 60_000;
        progress(`${range.what}, ${series} series: feeding`);
        await feed(programs, bucketFeed(series, end, range));
        progress("fed");
        for (const program of programs)
          if (program.kind === "VictoriaMetrics") await fetch(`${program.url}/internal/force_flush`);
        const found = await queryMs(programs, cases, range, end, series >= SERIES_LARGE ? EFFORT_LARGE : EFFORT);
        cases.forEach(({ of, expr }, i) => {
          const times = new Map([...found].map(([kind, list]) => [kind, list[i] as number]));
          rows.push(
            ...beside(
              `${series} series, ${range.what}: ${expr.replace(/http_request_duration_seconds/g, "…")}`,
              "ms",
              times,
              [],
            ),
          );
          const byKind = all.get(of) ?? new Map<Kind, number[]>();
          all.set(of, byKind);
          for (const [kind, ms] of times) byKind.set(kind, [...(byKind.get(kind) ?? []), ms]);
        });
        rows.push(...(await redraw(programs[0] as Program, cases[0] as QueryCase, range, end)));
      } finally {
        for (const program of programs) await program.end("SIGKILL");
      }
    }
    for (const [of, byKind] of all) {
      const means = new Map([...byKind].map(([kind, list]) => [kind, geometricMean(list)]));
      const what = `${of}, ${series.toLocaleString("en")} series, geometric mean`;
      rows.push(...beside(what, "ms", means, BOUNDS[of]));
    }
  }
  return rows;
}
