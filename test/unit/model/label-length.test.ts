/** Labels of megabytes: left out one by one by every door, with a short sentence; what stands beside them is taken. */
import { describe, expect, test } from "vitest";
import { takePage } from "../../../src/app/page.ts";
import { lengthTrouble } from "../../../src/model/label-length.ts";
import { parsePage } from "../../../src/exposition/parse.ts";
import { Labels } from "../../../src/model/labels.ts";
import { decodeWriteRequest, encodeWriteRequest } from "../../../src/remote/codec.ts";
import { importOpenMetrics } from "../../../src/tsdb/openmetrics.ts";
import { startExporter } from "../../support/exporter.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { dumpStore, SCRAPE_START, scrapeJob, scrapeRig } from "../../support/scrape.ts";
import { storeBox, T0 } from "../../support/tsdb.ts";

const MB = 1 << 20;
const SENTENCE_MAX = 300;

interface Case {
  readonly why: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly says: RegExp;
}

const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`l${i}`, "x"]));
const cases: readonly Case[] = [
  {
    why: "a value of 4 MiB",
    labels: { __name__: "m", path: "v".repeat(4 * MB) },
    says: /^the label "path" of "m" has 4194304 characters, 131072 is the most$/,
  },
  {
    why: "a metric name of 1 MiB",
    labels: { __name__: "n".repeat(MB) },
    says: /^a metric name has 1048576 characters, 4096 is the most: "n{60}…"$/,
  },
  {
    why: "a label name of 1 MiB",
    labels: { __name__: "m", ["l".repeat(MB)]: "x" },
    says: /^a label of "m" has a name of 1048576 characters, 4096 is the most: "l{60}…"$/,
  },
  {
    why: "10,000 labels",
    labels: { __name__: "m", ...many },
    says: /^a series of "m" has 10001 labels, 1000 is the most$/,
  },
  {
    why: "many long values",
    labels: {
      __name__: "m",
      ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`v${i}`, "x".repeat(10_000)])),
    },
    says: /^the labels of a series of "m" have 300\d{3} characters, 262144 is the most$/,
  },
];

const lineOf = (labels: Readonly<Record<string, string>>): string => {
  const { __name__: name, ...others } = labels;
  const pairs = Object.entries(others).map(([label, value]) => `${label}="${value}"`);
  return `${name}{${pairs.join(",")}} 1`;
};

describe.each(cases)("$why", ({ labels, says }) => {
  test("is told in a sentence of bounded length", () => {
    const said = lengthTrouble(Labels.from(labels)) ?? "";
    expect(said).toMatch(says);
    expect(said.length).toBeLessThan(SENTENCE_MAX);
  });

  test("scraped: the others of the page are stored, up is 1, the target's warning names the series", async () => {
    await using exporter = await startExporter("page");
    exporter.page = `before 1\n${lineOf(labels)}\nafter 2\n`;
    await using rig = scrapeRig();
    await rig.manager.apply([scrapeJob("j", [exporter.address])]);
    for (const ms of [0, 10_000]) {
      const { health, warnings } = await rig.next(ms);
      expect(health).toBe("up");
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(/^1 series left out: /);
      expect(warnings[0]?.replace("1 series left out: ", "")).toMatch(says);
    }
    expect(Object.keys(await dumpStore(rig.store, "before|after|m|n+"))).toHaveLength(2);
  });

  test("imported: the line is named, the others are taken", async () => {
    const lines = ["before 1 1700000000", `${lineOf(labels)} 1700000000`, "after 1 1700000000", "# EOF"];
    const report = await importOpenMetrics(lines, memoryStore());
    expect(report).toMatchObject({ samples: 2, broken: 1, problems: [{ line: 2 }] });
    expect(report.problems[0]?.text).toMatch(says);
  });

  test("pushed as a page: nothing of it is stored, and why is said", async () => {
    const page = Buffer.from(`before 1\n${lineOf(labels)}\n`);
    const said = await takePage(memoryStore(), page, "text/plain", SCRAPE_START).catch((error: Error) => error.message);
    expect(said).toMatch(says);
  });

  test("sent by remote write: counted with its reason, the others are taken", () => {
    const sample = { t: Float64Array.of(T0), v: Float64Array.of(1) };
    const series = [{ __name__: "before" }, labels].map((one) => ({
      labels: Labels.from(one),
      ...sample,
      stale: undefined,
    }));
    const message = decodeWriteRequest(encodeWriteRequest(series));
    expect(message.series).toHaveLength(1);
    expect(message.invalid).toBe(1);
    expect(message.reasons[0]?.slice(0, 60)).toBe((lengthTrouble(Labels.from(labels)) ?? "").slice(0, 60));
  });

  test("by any other door: the store itself refuses the series, and keeps long descriptions short", async () => {
    await using box = await storeBox();
    const appender = box.db.appender();
    const refs = [labels, { __name__: "fine" }].map((one) => appender.series(Labels.from(one)));
    for (const ref of refs) appender.append(ref, T0, 1);
    appender.describe("fine", { type: "gauge", help: "h".repeat(4 * MB), unit: "" });
    expect((await appender.commit()).accepted).toBe(1);
    await box.reopen();
    expect(box.db.stats().series).toBe(1);
    expect(box.db.metadata("fine").get("fine")?.[0]?.help.length).toBe(16 * 1024);
    expect(box.db.stats().logBytes).toBeLessThan(MB);
  });
});

test("what exporters show is far below: 256 KiB of annotations, a hundred labels, names of a kilobyte", () => {
  const annotations = Array.from({ length: 100 }, (_, i) => [`annotation_${"a".repeat(20)}${i}`, "v".repeat(2_000)]);
  expect(lengthTrouble(Labels.from(Object.fromEntries([["__name__", "kube_pod_annotations"], ...annotations])))).toBe(
    undefined,
  );
  expect(lengthTrouble(Labels.from({ __name__: "m".repeat(1_024), sql: "s".repeat(100_000) }))).toBe(undefined);
});

describe("a line of 300,000 labels", () => {
  const names = Array.from({ length: 300_000 }, (_, i) => `l${i}`);
  // Comparing each name with each would take minutes.
  test.each(["x", ""])("is read, values %j", (value) => {
    const page = Buffer.from(`m{${names.map((name) => `${name}="${value}"`).join(",")}} 1\n`);
    const [series] = parsePage(page, "text").series;
    expect([series?.labels.size, series?.blank.length]).toEqual(value === "" ? [1, 300_000] : [300_001, 0]);
  });

  test.each([3, 299_999])("is refused when name %i comes twice", (twice) => {
    const page = Buffer.from(`m{${names.map((name) => `${name}="x"`).join(",")},l${twice}="y"} 1\n`);
    expect(() => parsePage(page, "text")).toThrow(`the label "l${twice}" appears twice`);
  });
});
