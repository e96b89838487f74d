/** A data directory without its engine: everything that is known is told, as of the moment the data ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Explainer, Source } from "../../../src/api/source.ts";
import { directorySource } from "../../../src/app/directory.ts";
import { manualClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { COMMANDS } from "../../../src/cli/registry.ts";
import { openJournal } from "../../../src/journal/journal.ts";
import type { TransitionRecord } from "../../../src/journal/record.ts";
import { Labels } from "../../../src/model/labels.ts";
import { openState } from "../../../src/state/leveldb.ts";
import { openTsdb } from "../../../src/tsdb/tsdb.ts";
import { commandNamed, type Ran, runCommand } from "../../support/cli.ts";

const END = 1_800_000_000_000;
const LATER = END + 86_400_000;
let dir: string;
let source: Source;

const transition = (at: number, to: TransitionRecord["to"], from: TransitionRecord["from"]): TransitionRecord => ({
  kind: "transition",
  at,
  fingerprint: "f1",
  labels: { alertname: "RedisDown", severity: "page" },
  annotations: { summary: "down" },
  group: "g",
  rule: "RedisDown",
  ruleVersion: "v",
  from,
  to,
  value: 0,
  activeAt: END - 120_000,
  reason: "",
});

async function writeData(): Promise<void> {
  const clock = manualClock(END);
  const store = await openTsdb({ dir, clock, log: silentLogger, reserveBytes: 0 });
  const appender = store.appender();
  const line = (labels: Record<string, string>, v: number, until = END): void => {
    const ref = appender.series(Labels.from(labels));
    for (let t = until - 60_000; t <= until; t += 15_000) appender.append(ref, t, v);
  };
  const redis = { job: "redis", instance: "db1:9121" };
  line({ __name__: "up", ...redis }, 0);
  line({ __name__: "up", job: "node", instance: "db1:9100" }, 1);
  line({ __name__: "scrape_duration_seconds", job: "node", instance: "db1:9100" }, 0.25);
  line({ __name__: "scrape_samples_scraped", job: "node", instance: "db1:9100" }, 812);
  line({ __name__: "up", job: "gone", instance: "old:1" }, 1, END - 3_600_000);
  await appender.commit();
  await store.close();
  const state = await openState(path.join(dir, "state"));
  const journal = openJournal(state, clock);
  await journal.append([
    { kind: "note", at: END - 600_000, topic: "engine", text: "started 1.0" },
    transition(END - 120_000, "pending", "inactive"),
    transition(END - 60_000, "firing", "pending"),
    { kind: "note", at: END, topic: "engine", text: "stopped: signal SIGTERM" },
  ]);
  await state.close();
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), "opsmon-stopped-"));
  await writeData();
  source = await directorySource(dir, manualClock(LATER));
});
afterAll(async () => {
  await source[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

describe("a stopped data directory", () => {
  it("tells the targets as their last samples left them", async () => {
    const targets = await source.targets();
    expect(
      targets.map(({ job, url, health, samples, lastDurationMs, lastScrapeAt, intervalMs }) => ({
        job,
        url,
        health,
        samples,
        lastDurationMs,
        lastScrapeAt,
        intervalMs,
      })),
    ).toEqual([
      {
        job: "node",
        url: "db1:9100",
        health: "up",
        samples: 812,
        lastDurationMs: 250,
        lastScrapeAt: END,
        intervalMs: 15_000,
      },
      {
        job: "redis",
        url: "db1:9121",
        health: "down",
        samples: 0,
        lastDurationMs: 0,
        lastScrapeAt: END,
        intervalMs: 15_000,
      },
    ]);
    expect(targets[1]?.lastError).toMatch(/reason is not stored/);
  });

  it("tells how the engine ended, what fired and what there is", async () => {
    const { items, pid } = await source.status();
    expect(pid).toBe(0);
    expect(items.map((item) => `${item.state} ${item.name}: ${item.text}`).join("\n")).toMatch(
      /warn engine: .*stopped: signal SIGTERM.*\nwarn target: redis db1:9121 was down\nwarn alerts: 1 firing.*\nwarn targets: 1 of 2 were up\nok store: 5 series/,
    );
  });

  it.each([
    ["now", "firing", "as the data ends"],
    [END - 90_000, "pending", "before it fired"],
    [END - 150_000, undefined, "before it was anything"],
  ] as const)("tells alerts at %s: %s (%s)", async (at, state, _why) => {
    expect((await source.alerts(at)).map((alert) => alert.state)).toEqual(state === undefined ? [] : [state]);
  });

  it("evaluates and explains", async () => {
    const { value } = await source.query("count(up)", END);
    expect(value).toMatchObject({ kind: "vector", samples: [{ v: 2 }] });
    const explainer = source as Source & Explainer;
    expect((await explainer.explain("count(up)", END, END, 0)).tree?.kind).toBe("aggregate");
  });

  it("refuses what needs an engine", async () => {
    await expect(source.command({ kind: "reload" })).rejects.toMatchObject({ code: "not-supported", exit: 4 });
  });
});

describe("commands on it", () => {
  const run = (
    names: readonly string[],
    args: readonly string[],
    options: Record<string, unknown> = {},
  ): Promise<Ran> =>
    runCommand(commandNamed(COMMANDS, ...names), {
      now: LATER,
      args,
      options: { data: dir, socket: path.join(dir, "none.sock"), utc: true, ...options },
    });

  it("query answers, and the source is still there while it does", async () => {
    expect((await run(["query"], ["sum(up)"], { time: String(END / 1_000), output: "value" })).out).toBe("1\n");
  });
  it("alerts query counts ages from the moment asked for", async () => {
    const { out } = await run(["alerts", "query"], [], { at: String(END / 1_000) });
    expect(out).toContain("firing\tRedisDown\t1m\t0\t");
  });
  it.each([["up"], ["alert"]])("check %s says that nothing watches", async (kind) => {
    const { code, out } = await run(["check", kind], [], { empty: "ok" });
    expect([code, out]).toEqual([3, expect.stringContaining("no engine runs on")]);
  });
  it("check targets does not take what was last known for news", async () => {
    await expect(run(["check", "targets"], [])).rejects.toMatchObject({ code: "not-live", exit: 4 });
  });
  it("config show needs an engine or a file", async () => {
    await expect(run(["config", "show"], [])).rejects.toMatchObject({ code: "no-engine", exit: 4 });
  });
});
