/** Exporters that misbehave: each is down with a sentence that names the cause, and the one beside them never notices. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { escapeControl } from "../../src/base/log.ts";
import { labInfo, portOf } from "../support/lab.ts";
import { type Engine, eventually, opsmon, startEngine, type TempDir, tempDir } from "../support/process.ts";

/** Health as Prometheus decides it for the same page, and what the sentence must name. */
const MODES: readonly {
  readonly mode: string;
  readonly health: "up" | "down";
  readonly says: RegExp;
  readonly samples?: number;
}[] = [
  { mode: "ok", health: "up", says: /^$/, samples: 2 },
  { mode: "500", health: "down", says: /^server answered 500/ },
  { mode: "401", health: "down", says: /^server answered 401/ },
  { mode: "hang", health: "down", says: /^no answer within 2s/ },
  { mode: "reset", health: "down", says: /closed the connection/ },
  { mode: "garbage", health: "down", says: /^line 1: expected a metric name/ },
  { mode: "html", health: "down", says: /^line 1: the body is HTML/ },
  { mode: "truncated", health: "down", says: /^the connection ended after \d+ of \d+ bytes of the body/ },
  { mode: "cutline", health: "down", says: /^line 7: .*no closing quote/ },
  { mode: "drip", health: "down", says: /^the body was not complete within 2s/ },
  { mode: "redirect", health: "down", says: /^stopped after 10 redirects/ },
  { mode: "dup", health: "up", says: /^$/ },
  { mode: "empty", health: "up", says: /^$/, samples: 0 },
  { mode: "nan", health: "up", says: /^$/, samples: 8 },
  { mode: "future", health: "up", says: /^$/ },
  { mode: "latin1", health: "down", says: /^line 7: .*not valid UTF-8/ },
  { mode: "crlf", health: "down", says: /CR LF/ },
  { mode: "many", health: "up", says: /^$/, samples: 50_000 },
  { mode: "longline", health: "up", says: /^$/, samples: 3 },
  { mode: "escapes", health: "up", says: /^$/, samples: 3 },
  { mode: "gzip", health: "up", says: /^$/, samples: 2 },
  { mode: "gzipbomb", health: "down", says: /^the body is larger than 20 MiB/ },
  { mode: "badgzip", health: "down", says: /says gzip but is not gzip/ },
  { mode: "openmetrics", health: "up", says: /^$/ },
  { mode: "noeof", health: "down", says: /does not end with # EOF/ },
];

interface Target {
  readonly job: string;
  readonly url: string;
  readonly health: string;
  readonly lastError: string;
  readonly samples: number;
}

describe("faulty exporters", () => {
  let home: TempDir;
  let engine: Engine;
  let targets: readonly Target[];
  const jobOf = (mode: string): Target | undefined => targets.find(({ job }) => job === `faulty-${mode}`);

  beforeAll(async () => {
    const lab = labInfo();
    home = tempDir();
    const jobs = MODES.map(({ mode }) => ({
      job_name: `faulty-${mode}`,
      metrics_path: `/metrics/${mode}`,
      body_size_limit: "20MB",
      static_configs: [{ targets: [`127.0.0.1:${portOf(lab, "faulty")}`] }],
    }));
    const config = path.join(home.path, "faulty.json");
    mkdirSync(home.path, { recursive: true });
    // JSON is YAML
    writeFileSync(
      config,
      JSON.stringify({ global: { scrape_interval: "3s", scrape_timeout: "2s" }, scrape_configs: jobs }),
    );
    engine = await startEngine({ home: home.path, config });
    targets = await eventually(
      "a verdict on every target",
      async () => {
        const { stdout } = await opsmon(["targets", "-o", "json", "--socket", engine.socket], { home: home.path });
        const found = JSON.parse(stdout) as readonly Target[];
        const known = found.filter(({ job, health }) => job.startsWith("faulty-") && health !== "unknown");
        return known.length === MODES.length ? found : undefined;
      },
      40_000,
    );
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  test.each(MODES)("$mode is $health", ({ mode, health, says, samples = -1 }) => {
    const target = jobOf(mode);
    expect(`${target?.health}: ${target?.lastError}`).toMatch(new RegExp(`^${health}: `));
    expect(target?.lastError).toMatch(says);
    expect(target?.lastError ?? "").toBe(escapeControl(target?.lastError ?? ""));
    expect([-1, target?.samples]).toContain(samples);
  });

  test("the healthy one keeps its rhythm beside them", async () => {
    const gaps = async (): Promise<number> => {
      const answer = (await engine.get(
        `/api/v1/query?query=${encodeURIComponent('count_over_time(faulty_up{job="faulty-ok"}[12s])')}`,
      )) as {
        data: { result: readonly { value: readonly [number, string] }[] };
      };
      return Number(answer.data.result[0]?.value[1] ?? 0);
    };
    expect(
      await eventually(
        "four scrapes in twelve seconds",
        async () => ((await gaps()) >= 4 ? gaps() : undefined),
        30_000,
      ),
    ).toBeGreaterThanOrEqual(4);
  });
});
