/** Targets whose pages are alike share them in memory; each must be stored as if it were alone in the world. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { createPageParser, type PageFormat } from "../../src/exposition/parse.ts";
import { SectionCutter, SectionPool } from "../../src/exposition/section.ts";
import { TOKEN } from "../../src/exposition/tokens.ts";
import { Labels } from "../../src/model/labels.ts";
import { compileRelabel, type RelabelRule } from "../../src/model/relabel.ts";
import { SeriesBudget } from "../../src/scrape/breaker.ts";
import type { LayoutRules } from "../../src/scrape/layout.ts";
import { createSampleSink } from "../../src/scrape/sink.ts";
import { createTurn } from "../../src/scrape/turns.ts";
import { manualClock } from "../../src/base/clock.ts";
import { memoryStore } from "../support/memory-store.ts";
import { type Dump, dumpStore, SCRAPE_START } from "../support/scrape.ts";
import { rule } from "../support/relabel.ts";

interface Target {
  readonly format: PageFormat;
  readonly rules: LayoutRules;
}

function target(
  job: string,
  format: PageFormat,
  changes: Partial<LayoutRules> = {},
  relabel: RelabelRule[] = [],
): Target {
  const rules = {
    target: Labels.from({ job, instance: "one:1" }),
    honorLabels: false,
    relabel: compileRelabel(relabel),
    labelLimit: 0,
    labelNameLengthLimit: 0,
    labelValueLengthLimit: 0,
    honorTimestamps: true,
    trackTimestampsStaleness: false,
    sampleLimit: 0,
    seriesMax: 1_000,
    ...changes,
  };
  return { format, rules };
}

/** Fresh ones for each run: a budget remembers. */
const targets = (): readonly Target[] => [
  target("plain", "text"),
  target("twin", "text"),
  target("honoured", "text", { honorLabels: true, target: Labels.from({ job: "honoured", le: "own", job2: "x" }) }),
  target("dropping", "text", {}, [rule({ action: "drop", sourceLabels: ["i"], regex: "[0-9]*[05]" })]),
  target("renaming", "text", {}, [rule({ sourceLabels: ["i"], targetLabel: "__name__", replacement: "of_$1" })]),
  target("few", "text", { seriesMax: 40 }),
  target("budget", "text", { budget: new SeriesBudget(60) }),
  target("open", "openmetrics"),
  target("untimed", "text", { honorTimestamps: false }),
];

/** A line more, a line less, another type, another label: what pages of one kind differ in. */
interface Edit {
  readonly kind: "drop" | "add" | "type" | "label" | "timed";
  readonly at: number;
}

interface Family {
  readonly type: string;
  readonly lines: readonly string[];
  readonly timed?: boolean;
}

const family = fc
  .record({ type: fc.constantFrom("counter", "gauge", "histogram", "summary"), lines: fc.nat(70) })
  .map(
    ({ type, lines }): Family => ({ type, lines: Array.from({ length: lines }, (_, i) => `le="${i % 3}",i="${i}"`) }),
  );
const edit = fc.record({
  kind: fc.constantFrom<Edit["kind"]>("drop", "add", "type", "label", "timed"),
  at: fc.nat(500),
});

function edited(families: readonly Family[], { kind, at }: Edit): readonly Family[] {
  const which = at % Math.max(1, families.length);
  return families.map((one, n): Family => {
    if (n !== which) return one;
    const line = at % Math.max(1, one.lines.length);
    if (kind === "drop") return { ...one, lines: one.lines.filter((_, i) => i !== line) };
    if (kind === "add") return { ...one, lines: one.lines.toSpliced(line, 0, `i="new${at}",quantile="1"`) };
    if (kind === "type") return { ...one, type: one.type === "histogram" ? "summary" : "histogram" };
    if (kind === "label")
      return {
        ...one,
        lines: one.lines.map((text, i) => (i === line && !text.includes("job=") ? `${text},job="page"` : text)),
      };
    return { ...one, timed: one.timed !== true };
  });
}

function pageOf(families: readonly Family[], format: PageFormat, turn: number): Buffer {
  const out: string[] = [];
  families.forEach(({ type, lines, timed }, n) => {
    out.push(`# HELP f${n} help\n# TYPE f${n} ${type}\n`);
    lines.forEach((labels, i) => {
      const t =
        timed === true ? ` ${format === "text" ? SCRAPE_START + turn * 1_000 : SCRAPE_START / 1_000 + turn}` : "";
      const exemplar = format === "openmetrics" && i % 7 === 0 ? ` # {a="${turn}"} 1` : "";
      out.push(`f${n}{${labels}} ${i % 2 === 0 ? n : turn * 1.25 + i}${t}${exemplar}\n`);
    });
  });
  if (format === "openmetrics") out.push("# EOF\n");
  return Buffer.from(out.join(""));
}

/** What each of these targets stores, read by parsers of one world at the same time. */
async function stored(
  parsers: { readonly createPageParser: typeof createPageParser },
  all: readonly Target[],
  pages: readonly (readonly Buffer[])[],
): Promise<Dump> {
  const store = memoryStore();
  let asked = 0;
  const turn = createTurn({ ...manualClock(0), monotonic: () => asked++ });
  await Promise.all(
    all.map(async ({ format, rules }, i) => {
      const parser = parsers.createPageParser();
      const sink = createSampleSink(store, rules);
      for (const [n, bytes] of (pages[i] as readonly Buffer[]).entries()) {
        const at = SCRAPE_START + n * 1_000;
        const page = await parser.parseInTurns(Buffer.from(bytes), format, turn);
        await sink.write(page, { at, now: at, durationMs: () => 0, turn });
      }
    }),
  );
  return dumpStore(store);
}

test("targets that share pages store what each of them stores alone", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(family, { minLength: 1, maxLength: 6 }),
      fc.array(fc.array(edit, { minLength: 9, maxLength: 9 }), { minLength: 1, maxLength: 5 }),
      async (families, steps) => {
        const pages = targets().map(({ format }, i) => {
          let own: readonly Family[] = families;
          return [undefined, undefined, ...steps].map((edits, n) => {
            if (edits !== undefined) own = edited(own, edits[i] as Edit);
            return pageOf(own, format, n);
          });
        });
        const together = await stored({ createPageParser }, targets(), pages);
        const alone: Dump[] = [];
        for (const [i, one] of targets().entries()) {
          vi.resetModules();
          const world = await import("../../src/exposition/parse.ts");
          alone.push(await stored(world, [one], [pages[i] as readonly Buffer[]]));
        }
        expect(together).toEqual(Object.assign({}, ...alone));
      },
    ),
    { numRuns: 12 },
  );
});

/** The page in sections, by lines that have one value each. */
function cut(lines: readonly string[], pool: SectionPool): readonly object[] {
  const page = Buffer.from(lines.map((line) => `${line} 1\n`).join(""));
  const cutter = new SectionCutter(page, "text", pool);
  let at = 0;
  for (const line of lines) {
    at += line.length + 1;
    cutter.token(TOKEN.value, at, at + 1);
    cutter.sample("unknown");
    at += 2;
  }
  cutter.end();
  return cutter.sections;
}

const manyLines = (prefix: string): readonly string[] => Array.from({ length: 3_000 }, (_, i) => `${prefix}{i="${i}"}`);

test("a line more or less leaves all sections but some around it as they were", () => {
  const pool = new SectionPool();
  const lines = manyLines("m");
  const before = cut(lines, pool);
  expect(before.length).toBeGreaterThan(20);
  fc.assert(
    fc.property(fc.nat(2_999), fc.boolean(), (at, more) => {
      const now = cut(more ? lines.toSpliced(at, 0, 'm{i="other"}') : lines.toSpliced(at, 1), pool);
      const known = new Set(before);
      expect(now.filter((section) => !known.has(section)).length).toBeLessThan(8);
    }),
  );
});

test("sections that nobody shows any more are given up", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const pool = new SectionPool();
  const held = cut(manyLines("held"), pool);
  const size = pool.size;
  for (let churn = 0; churn < 300; churn++) {
    cut(manyLines(`churn${churn}`), pool);
    // A weak reference holds on to what was looked at until the end of the job.
    if (churn % 20 === 0) await new Promise(setImmediate);
    if (churn % 20 === 0) collect();
  }
  expect(pool.size).toBeLessThan(100 * size);
  expect(cut(manyLines("held"), pool)).toEqual(held);
});
