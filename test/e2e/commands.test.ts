/** What scripts rely on: exit codes, formats, sentences for mistakes, and data that outlives kill -9. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Engine,
  eventually,
  opsmon,
  type Page,
  root,
  startEngine,
  startPage,
  type TempDir,
  tempDir,
} from "../support/process.ts";

const PAGE = `# TYPE demo_requests_total counter
demo_requests_total{code="200"} 10
demo_requests_total{code="500"} 2
# TYPE demo_temperature gauge
demo_temperature NaN
`;

function configFor(page: Page, more = ""): string {
  return `global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
- {job_name: demo, static_configs: [{targets: ["127.0.0.1:${page.port}"]}]}
${more}`;
}

interface InstantAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

describe("commands on a running engine", () => {
  let home: TempDir;
  let page: Page;
  let engine: Engine;
  const run = (...argv: readonly string[]) => opsmon([...argv, "--socket", engine.socket], { home: home.path });

  beforeAll(async () => {
    home = tempDir();
    page = await startPage(PAGE);
    const config = path.join(home.path, "prometheus.yml");
    writeFileSync(config, configFor(page));
    engine = await startEngine({ home: home.path, config });
    await eventually("two scrapes", () => page.hits() >= 2);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await page[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  const EXITS: readonly {
    readonly argv: readonly string[];
    readonly code: number;
    readonly out?: RegExp;
    readonly err?: RegExp;
    readonly why: string;
  }[] = [
    { argv: ["query", "demo_requests_total"], code: 0, out: /500/, why: "an answer" },
    {
      argv: ["query", "no_such_metric"],
      code: 0,
      err: /no_such_metric/,
      why: "empty is an answer, explained on stderr",
    },
    { argv: ["query", "no_such_metric", "-e"], code: 1, why: "-e makes empty a no" },
    { argv: ["query", "demo_requests_total", "-e"], code: 0, why: "-e with an answer" },
    { argv: ["query", "rate(demo_requests_total"], code: 2, err: /expected|unexpected|unclosed/i, why: "not PromQL" },
    { argv: ["query", "rate(demo_requests_total)"], code: 2, err: /range/, why: "not well typed" },
    { argv: ["query", "--no-such-flag", "1"], code: 2, err: /no-such-flag/, why: "usage" },
    { argv: ["no-such-command"], code: 2, err: /no-such-command|unknown/, why: "usage" },
    { argv: ["query", "up", "--url", "http://127.0.0.1:1"], code: 4, err: /127\.0\.0\.1:1/, why: "nothing there" },
    { argv: ["targets"], code: 0, out: /demo/, why: "targets" },
    { argv: ["status"], code: 0, why: "status" },
    { argv: ["alerts", "nope"], code: 2, err: /^error: unknown command 'nope'/, why: "a misspelt command" },
    { argv: ["alerts"], code: 0, out: /^state\talert\t/, why: "alerts alone is alerts query" },
    { argv: ["alerts", "history"], code: 0, out: /^time\tfrom\tto\t/, why: "what changed" },
    { argv: ["top", "--once", "--span", "5x"], code: 2, err: /"5x" is not a duration/, why: "a wrong flag" },
    { argv: ["top", "--once", "--span", "0"], code: 2, err: /too short/, why: "nothing to draw" },
    { argv: ["top", "--once", "--at", "noon"], code: 2, err: /"noon" is not a time/, why: "a wrong flag" },
  ];
  test.each(EXITS)("opsmon $argv exits $code ($why)", async ({ argv, code, out = /(?:)/, err = /(?:)/ }) => {
    const done = argv[0] === "no-such-command" ? await opsmon(argv, { home: home.path }) : await run(...argv);
    expect(`${done.code} ${done.stderr}`).toMatch(new RegExp(`^${code} `));
    expect(done.stdout).toMatch(out);
    expect(done.stderr).toMatch(err);
  });

  test("formats keep their promises", async () => {
    const expr = "sort(demo_requests_total)";
    const json = JSON.parse((await run("query", expr, "-o", "json")).stdout) as unknown;
    expect(JSON.stringify(json)).toContain('"code":"500"');
    const csv = (await run("query", expr, "-o", "csv")).stdout.trim().split("\n");
    expect(csv).toHaveLength(3);
    expect(csv[0]).toContain("code");
    const empty = (await run("query", "no_such_metric", "-o", "csv")).stdout;
    expect(empty.trim().split("\n")).toHaveLength(1);
    const value = await run("query", "scalar(sum(demo_requests_total))", "-o", "value");
    expect(value.stdout.trim()).toBe("12");
    const nan = await run("query", "demo_temperature", "-o", "value");
    expect(nan.stdout.trim()).toBe("NaN");
    const graph = await run("query", "demo_requests_total", "--start", "-1m", "-o", "graph");
    expect(graph.code).toBe(0);
    expect(graph.stdout.split("\n").length).toBeGreaterThan(5);
  });

  test("--explain is a tree for people and JSON for programs", async () => {
    const asked = ["query", "sum(demo_requests_total)", "--explain"];
    expect((await run(...asked)).stdout).toMatch(/sum[^]*demo_requests_total/);
    const { tree } = JSON.parse((await run(...asked, "-o", "json")).stdout) as {
      tree: { children: readonly unknown[] };
    };
    expect(tree.children).toHaveLength(1);
    expect((await run(...asked, "-o", "csv")).code).toBe(2);
  });

  test("up and the scrape's own series exist, and a failed scrape ends the others", async () => {
    const count = async (expr: string): Promise<number> =>
      ((await engine.get(`/api/v1/query?query=${encodeURIComponent(expr)}`)) as InstantAnswer).data.result.length;
    expect(await count('up{job="demo"} == 1')).toBe(1);
    expect(await count('scrape_duration_seconds{job="demo"}')).toBe(1);
    expect(await count('scrape_samples_scraped{job="demo"} == 3')).toBe(1);
    page.set("<html>login</html>", "text/html");
    await eventually("the target down", async () => (await count('up{job="demo"} == 0')) === 1);
    expect(await count("demo_requests_total")).toBe(0);
    const { stdout } = await run("targets", "-o", "tsv");
    expect(stdout).toMatch(/down\tdemo\t.*\S/);
    page.set(PAGE, "text/plain; version=0.0.4");
    await eventually("the target up", async () => (await count('up{job="demo"} == 1')) === 1);
  });

  test("a second engine on the same data gets a sentence and the way out", async () => {
    const second = await opsmon(["serve", "--data", engine.data, "--socket", path.join(home.path, "two.sock")], {
      home: home.path,
    });
    expect(second.code).toBe(4);
    expect(second.stderr).toContain(engine.data);
    expect(second.stderr).toMatch(/hint:/);
  });

  test("kill -9 loses at most the scrape in flight", async () => {
    const samples = async (): Promise<number> => {
      const expr = 'sum(count_over_time(up{job="demo"}[1h]))';
      const answer = (await engine.get(`/api/v1/query?query=${encodeURIComponent(expr)}`)) as InstantAnswer;
      return Number(answer.data.result[0]?.value[1] ?? 0);
    };
    await eventually("samples", async () => (await samples()) >= 2);
    const before = await samples();
    await engine.stop("SIGKILL");
    engine = await startEngine({ home: home.path, config: path.join(home.path, "prometheus.yml") });
    expect(await samples()).toBeGreaterThanOrEqual(before);
  });
});

describe("configuration", () => {
  test("every mistake is named with its place, and the exit code is 3", async () => {
    using home = tempDir();
    const config = path.join(home.path, "broken.yml");
    const lines = [
      "global:",
      "  scrape_intervall: 5s",
      "scrape_configs:",
      "- job_name: a",
      "  scrape_timeout: 5 parsecs",
      "  static_configs: []",
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
    for (const argv of [
      ["check", "config", config],
      ["serve", "--config", config, "--data", path.join(home.path, "d")],
      ["top", "--once", "--config", config, "--data", path.join(home.path, "d")],
    ]) {
      const { code, stdout, stderr } = await opsmon(argv, { home: home.path });
      const said = stdout + stderr;
      expect(`${code} ${said}`).toMatch(/^3 /);
      expect(said).toContain("broken.yml:2:");
      expect(said).toContain("scrape_interval");
      expect(said).toContain("broken.yml:5:");
    }
  });

  test.each([
    { argv: ["check", "query"], why: "no expression", says: "missing required argument 'expr'" },
    {
      argv: ["check", "up", "--critcal", "1"],
      why: "a flag with a spelling mistake",
      says: "unknown option '--critcal'",
    },
  ])("a check with $why is UNKNOWN where a monitoring system reads it", async ({ argv, says }) => {
    using home = tempDir();
    const { code, stdout } = await opsmon(argv, { home: home.path });
    expect(stdout).toBe(`UNKNOWN: ${says}\n`);
    expect(code).toBe(3);
  });

  test("top tells more mistakes than the end of a log holds", async () => {
    using home = tempDir();
    const config = path.join(home.path, "broken.yml");
    const jobs = Array.from({ length: 40 }, (_, i) => `- {job_name: job-number-${i}, scrape_timeout: nonsense-${i}}`);
    writeFileSync(config, `scrape_configs:\n${jobs.join("\n")}\n`);
    const argv = ["top", "--once", "--config", config, "--data", path.join(home.path, "d")];
    const { code, stderr } = await opsmon(argv, { home: home.path });
    expect(code).toBe(3);
    for (let line = 2; line <= 41; line++) expect(stderr).toContain(`broken.yml:${line}:`);
  });

  test.each([
    { why: "a file", data: "file" },
    { why: "below a file", data: "file/x" },
    { why: "where nothing can be made", data: "/proc/opsmon-nowhere/x" },
  ])("data in a place that is $why: a sentence, never a stack", async ({ data }) => {
    using home = tempDir();
    writeFileSync(path.join(home.path, "file"), "");
    for (const command of [["serve"], ["top", "--once"]]) {
      const argv = [...command, "--data", path.resolve(home.path, data)];
      const { code, stderr } = await opsmon(argv, { home: home.path });
      expect(`${code} ${stderr}`).toMatch(/^3 opsmon: [^\n]*director[^\n]*\n {2}hint: [^\n]*\n$/);
    }
  });

  test.each(["README.md", "rules/README.md"])("the configuration that %s shows is one", async (page) => {
    using home = tempDir();
    const token = path.join(home.path, "telegram.token");
    writeFileSync(token, "123456:TEST");
    const shown = [
      ...readFileSync(path.join(root, page), "utf8").matchAll(/^```yaml\n(opsmon:|scrape_configs:)([^]*?)^```/gm),
    ];
    expect(shown.length).toBeGreaterThan(0);
    for (const [, first = "", rest = ""] of shown) {
      const config = path.join(home.path, "shown.yml");
      writeFileSync(config, first + rest.replace("/etc/opsmon/telegram.token", token));
      const { code, stdout, stderr } = await opsmon(["check", "config", config], { home: home.path });
      expect(`${code} ${stdout}${stderr}`).toMatch(/^0 .*: ok/);
    }
  });

  test("a rule file's mistakes too", async () => {
    using home = tempDir();
    const rules = path.join(home.path, "rules.yml");
    writeFileSync(
      rules,
      "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: rate(x\n  - record: B\n    expr: up{\n",
    );
    const { code, stdout, stderr } = await opsmon(["check", "rules", rules], { home: home.path });
    const said = stdout + stderr;
    expect(`${code} ${said}`).toMatch(/^3 /);
    expect(said).toContain("rules.yml:5:");
    expect(said).toContain("rules.yml:7:");
  });
});
