/**
 * A page far beyond a target's limit: worked in turns in every phase, no more of it read than has room, ended when the
 * scrape's time is up. Turns are counted, not time: between two of them stands a bounded piece of work.
 */
import { cpSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { PagePart, ParsedPage } from "../../../src/exposition/page.ts";
import { createPageParser } from "../../../src/exposition/parse.ts";
import { takePage } from "../../../src/app/page.ts";
import { manualClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { compileRelabel } from "../../../src/model/relabel.ts";
import { createSampleSink } from "../../../src/scrape/sink.ts";
import type { LayoutRules } from "../../../src/scrape/layout.ts";
import type { Appendable, Appender } from "../../../src/storage/storage.ts";
import { startExporter } from "../../support/exporter.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { dump } from "../../support/storage-conformance.ts";
import { storeBox, T0, temporaryDir } from "../../support/tsdb.ts";
import { SCRAPE_START, scrapeJob, scrapeRig } from "../../support/scrape.ts";

const SERIES = 60_000;
const ROOM = 500;
/** Lines, series or families in one piece, at most: what the parser and the layout name as their steps. */
const PIECE_MAX = 512;

function pageOf(series: number, families: number): Buffer {
  const lines: string[] = [];
  for (let f = 0; f < families; f++) lines.push(`# HELP f${f} some help\n# TYPE f${f} gauge\n`);
  for (let i = 0; i < series; i++) lines.push(`many{i="${i}"} ${i}\n`);
  return Buffer.from(lines.join(""));
}

const rules = (changes: Partial<LayoutRules> = {}): LayoutRules => ({
  target: Labels.from({ job: "j", instance: "i" }),
  honorLabels: false,
  relabel: compileRelabel([]),
  labelLimit: 0,
  labelNameLengthLimit: 0,
  labelValueLengthLimit: 0,
  honorTimestamps: true,
  trackTimestampsStaleness: false,
  sampleLimit: 0,
  seriesMax: ROOM,
  ...changes,
});

/** Counts the turns, and the most calls of a kind between two of them. */
class Watch {
  turns = 0;
  readonly most = new Map<string, number>();
  readonly #since = new Map<string, number>();

  readonly turn = (): undefined => {
    this.turns++;
    this.#since.clear();
    return undefined;
  };

  note(what: string): void {
    const count = (this.#since.get(what) ?? 0) + 1;
    this.#since.set(what, count);
    this.most.set(what, Math.max(this.most.get(what) ?? 0, count));
  }

  over(store: Appendable): Appendable {
    const watched = (one: Appender): Appender => ({
      ...one,
      series: (labels) => {
        this.note("series");
        return one.series(labels);
      },
      describe: (family, metadata) => {
        this.note("describe");
        one.describe(family, metadata);
      },
    });
    return { ...store, appender: () => watched(store.appender()) };
  }

  page(page: ParsedPage, read: (part: PagePart) => void): ParsedPage {
    const watched = Object.create(page) as { -readonly [K in keyof ParsedPage]: ParsedPage[K] };
    Object.defineProperty(watched, "seriesOf", {
      value: (part: PagePart) => {
        this.note("parts");
        read(part);
        return page.seriesOf(part);
      },
    });
    Object.defineProperty(watched, "describedOf", {
      value: (part: PagePart) => {
        this.note("described");
        return page.describedOf(part);
      },
    });
    return watched;
  }
}

const times = (turn: () => undefined) => ({ at: SCRAPE_START, now: SCRAPE_START, durationMs: () => 0, turn });

describe("a page of many more series than a target may have", () => {
  test("is scanned, replayed and laid out in pieces", async () => {
    const bytes = pageOf(SERIES, 2_000);
    const watch = new Watch();
    const parser = createPageParser();
    const page = await parser.parseInTurns(bytes, "text", watch.turn);
    expect(watch.turns).toBeGreaterThan(SERIES / PIECE_MAX);
    watch.turns = 0;
    expect((await parser.parseInTurns(bytes, "text", watch.turn)).layout).toBe(page.layout);
    expect(parser.replayed).toBe(1);
    expect(watch.turns).toBeGreaterThan(page.parts.length / PIECE_MAX);
    watch.turns = 0;
    const sink = createSampleSink(watch.over(memoryStore()), rules());
    let parts = 0;
    const summary = await sink.write(
      watch.page(page, () => parts++),
      times(watch.turn),
    );
    expect(summary.quarantine).toEqual({
      series: SERIES - ROOM,
      metric: "many",
      label: "i",
      of: "target",
      limit: ROOM,
    });
    expect(summary.kept).toBe(SERIES);
    expect(watch.turns).toBeGreaterThan(SERIES / PIECE_MAX);
    for (const [what, count] of watch.most) expect(count, what).toBeLessThanOrEqual(PIECE_MAX);
    expect(watch.most.get("describe")).toBe(1);
    // Some to name what grows, those that have room, and the others never.
    expect(parts).toBeLessThan(0.75 * page.parts.length);
    expect(watch.most.get("described")).toBe(1);
  });

  test("goes on with its series, and with others when these make room", async () => {
    const parser = createPageParser();
    const watch = new Watch();
    const store = memoryStore();
    const sink = createSampleSink(store, rules({ seriesMax: 3 }));
    const write = async (text: string, n: number) => {
      const page = await parser.parseInTurns(Buffer.from(text), "text", watch.turn);
      return sink.write(page, { ...times(watch.turn), at: SCRAPE_START + n * 1_000 });
    };
    expect((await write("a 1\nb 1\nc 1\nd 1\ne 1\n", 0)).quarantine?.series).toBe(2);
    expect((await write("b 1\nc 1\nd 1\ne 1\n", 1)).quarantine?.series).toBe(1);
    expect(await write("c 1\nd 1\ne 1\n", 2)).toMatchObject({ quarantine: undefined, kept: 3 });
  });

  test("is given up when its time is over, before the store knows of it", async () => {
    const bytes = pageOf(SERIES, 0);
    const watch = new Watch();
    const page = await createPageParser().parseInTurns(bytes, "text", watch.turn);
    let asked = 0;
    const inTime = (): void => {
      if (++asked > 50) throw new Error("too late");
    };
    const sink = createSampleSink(watch.over(memoryStore()), rules());
    await expect((async () => sink.write(page, { ...times(watch.turn), inTime }))()).rejects.toThrow("too late");
    expect(watch.most.get("series")).toBeUndefined();
    expect(sink.alive().length).toBe(0);
    // With enough time it is asked no more once series got their numbers.
    asked = Number.NEGATIVE_INFINITY;
    await sink.write(page, { ...times(watch.turn), inTime });
    expect(sink.alive().length).toBe(ROOM);
  });

  test("ends at scrape_timeout with up 0 and a sentence, and its small neighbours do not", async () => {
    await using exporter = await startExporter("page");
    exporter.page = pageOf(20_000, 0).toString();
    await using small = await startExporter("page");
    small.page = "a 1\n";
    const clock = manualClock(SCRAPE_START);
    let looks = 0;
    // Every look at the clock finds a millisecond gone, as it would on a busy machine.
    const busy = { ...clock, monotonic: () => clock.monotonic() + looks++ };
    await using rig = scrapeRig({ clock: busy });
    await rig.manager.apply([
      scrapeJob("large", [exporter.address], { timeoutMs: 60 }),
      scrapeJob("small", [small.address]),
    ]);
    await clock.advance(0);
    await rig.ended(2);
    const [large, other] = ["large", "small"].map((job) => rig.scraped.find((one) => one.job === job));
    expect(large).toMatchObject({ health: "down" });
    expect(large?.lastError).toMatch(/^the page was not read within 60ms \(\d+ samples so far\)$/);
    expect(other?.health).toBe("up");
  });
});

describe("the store's part of a wide page", () => {
  const COLUMNS = 10_000;
  const labels = (i: number, more = ""): Labels => Labels.from({ __name__: "wide", i: `${i}${more}` });

  test("its labels are packed before the commit, others commit meanwhile, and a restart knows each of them", async () => {
    await using box = await storeBox();
    const appender = box.db.appender();
    const refs = Float64Array.from({ length: COLUMNS }, (_, i) => appender.series(labels(i)));
    appender.appendRow(
      refs,
      T0,
      Float64Array.from(refs, (_, i) => i),
      COLUMNS,
    );
    const wide = appender.commitNow();
    expect(wide).toBeInstanceOf(Promise);
    // A second target, and a series of the first that comes alone, while the labels are being packed.
    const other = box.db.appender();
    other.append(other.series(Labels.from({ __name__: "other" })), T0, 1);
    other.append(refs[7] as number, T0 - 1_000, -7);
    expect(other.commitNow()).not.toBeInstanceOf(Promise);
    expect((await wide).accepted).toBe(COLUMNS);
    // The next one waits for nothing.
    appender.appendRow(
      refs,
      T0 + 1_000,
      Float64Array.from(refs, (_, i) => i),
      COLUMNS,
    );
    expect(appender.commitNow()).not.toBeInstanceOf(Promise);
    const crashed = temporaryDir();
    cpSync(box.dir, crashed, { recursive: true });
    await using after = await storeBox({ dir: crashed });
    expect(after.db.stats().quarantined).toEqual([]);
    const found = await dump(after.db, [createMatcher("__name__", "=", "wide")], T0 - 5_000, T0 + 5_000);
    expect(Object.keys(found)).toHaveLength(COLUMNS);
    for (const i of [0, 1, 4_999, COLUMNS - 1])
      expect(found[labels(i).toString()]).toEqual([`${T0}=${i}`, `${T0 + 1_000}=${i}`]);
    expect(found[labels(7).toString()]).toEqual([`${T0 - 1_000}=-7`, `${T0}=7`, `${T0 + 1_000}=7`]);
  });

  test("a failed scrape makes all of it stale with the row it knows", async () => {
    await using box = await storeBox();
    const page = await createPageParser().parseInTurns(pageOf(COLUMNS, 0), "text", () => undefined);
    const sink = createSampleSink(box.db, rules({ seriesMax: COLUMNS }));
    await sink.write(page, { ...times(() => undefined), at: T0 });
    const rows: number[] = [];
    const watched = createSampleSink(
      {
        appender() {
          const own = box.db.appender();
          return new Proxy(own, {
            get(_, name) {
              const member: unknown = Reflect.get(own, name);
              if (name === "appendStale") return (ref: number) => rows.push(ref);
              return typeof member === "function" ? (member.bind(own) as unknown) : member;
            },
          });
        },
      },
      rules({ seriesMax: COLUMNS }),
    );
    await watched.write(page, { ...times(() => undefined), at: T0 + 1_000 });
    await watched.fail(T0 + 2_000, 0, 1);
    expect(rows).toEqual([]);
    const found = await dump(box.db, [createMatcher("__name__", "=~", "many|up")], T0, T0 + 5_000);
    const lists = Object.entries(found).map(
      ([name, list]) => `${name.replace(/\{.*/, "")} ${list.at(-1)?.split("=")[1]}`,
    );
    expect(new Set(lists)).toEqual(new Set(["many stale", "up 0"]));
    expect(lists).toHaveLength(COLUMNS + 1);
  });
});

test("a page that is pushed is taken in turns and in parts, all of it or, when a line is wrong, nothing", async () => {
  let turns = 0;
  let done = false;
  const beside = (): void => {
    turns++;
    if (!done) setImmediate(beside);
  };
  setImmediate(beside);
  const commits: number[] = [];
  const store = memoryStore();
  const watched: Appendable = {
    ...store,
    appender() {
      const one = store.appender();
      const commit = async (): ReturnType<Appender["commit"]> => {
        const result = await one.commit();
        commits.push(result.accepted);
        return result;
      };
      return { ...one, commit };
    },
  };
  const bytes = pageOf(30_000, 100);
  expect(await takePage(watched, bytes, "text/plain", SCRAPE_START)).toMatchObject({ accepted: 30_000, limited: 0 });
  done = true;
  expect(turns).toBeGreaterThan(5);
  expect(Math.max(...commits)).toBeLessThan(10_000);
  expect(store.metadata().size).toBe(100);
  const wrong = Buffer.concat([bytes, Buffer.from("a b c\n")]);
  commits.length = 0;
  await expect(takePage(watched, wrong, "text/plain", SCRAPE_START)).rejects.toMatchObject({ code: "bad-exposition" });
  expect(commits).toEqual([]);
});
