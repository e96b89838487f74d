/**
 * What the lab spoils by `break` and no alert of its own shows: the exporter everybody scrapes begins to lie (the ways
 * it can are in exporters.test.ts) and its neighbour never notices; a Telegram that refuses gets the message later, or
 * the refusal is written down; messages nobody acknowledges fire their alert.
 */
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { delivered, labInfo, type LabInfo, portOf, runLab, textOf } from "../support/lab.ts";
import { type Engine, eventually, opsmon, startEngine, type TempDir, tempDir } from "../support/process.ts";

const CHAT = -1001;

interface Targets {
  readonly data: { readonly activeTargets: readonly Target[] };
}
interface Target {
  readonly scrapePool: string;
  readonly health: string;
  readonly lastError: string;
}
interface Instant {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

describe("the exporter that begins to lie", () => {
  let home: TempDir;
  let engine: Engine;

  beforeAll(async () => {
    const lab = labInfo();
    home = tempDir();
    const config = path.join(home.path, "prometheus.yml");
    const job = (name: string, port: string): string =>
      `- {job_name: ${name}, static_configs: [{targets: ["127.0.0.1:${portOf(lab, port)}"]}]}`;
    writeFileSync(
      config,
      `global: {scrape_interval: 1s, scrape_timeout: 900ms, body_size_limit: 20MB}
scrape_configs:
${job("faulty", "faulty")}
${job("neighbour", "nginxExporter")}
`,
    );
    engine = await startEngine({ home: home.path, config });
  });
  afterAll(async () => {
    await runLab("fix", "exporter-500");
    await engine[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  test.each([
    { mode: "hang", says: /^no answer within 900ms/ },
    { mode: "gzipbomb", says: /^the body is larger than/ },
    { mode: "html", says: /^line 1: the body is HTML/ },
  ])("$mode: down, and says why", async ({ mode, says }) => {
    await runLab("break", `exporter-${mode}`);
    const faulty = await eventually(mode, async () => {
      const target = await targetOf(engine, "faulty");
      return target.health === "down" && says.test(target.lastError) ? target : undefined;
    });
    expect(faulty.health).toBe("down");
  });

  test("the lab names the one fault in force", () => {
    const marks = readdirSync(path.join(labInfo().dir, "break"));
    expect(marks.filter((mark) => mark.startsWith("exporter-"))).toEqual(["exporter-html"]);
  });

  test("mended, it is up again", async () => {
    await runLab("fix", "exporter-hang");
    const mended = await eventually("the end", async () => {
      const target = await targetOf(engine, "faulty");
      return target.health === "up" ? target : undefined;
    });
    expect(mended.lastError).toBe("");
  });

  test("its neighbour was up at every scrape", async () => {
    const expr = 'min_over_time(up{job="neighbour"}[10m])';
    const { data } = (await engine.get(`/api/v1/query?query=${encodeURIComponent(expr)}`)) as Instant;
    expect(data.result.map(({ value }) => value[1])).toEqual(["1"]);
  });
});

async function targetOf(engine: Engine, job: string): Promise<Target> {
  const { data } = (await engine.get("/api/v1/targets")) as Targets;
  const target = data.activeTargets.find(({ scrapePool }) => scrapePool === job);
  if (target === undefined) throw new Error(`no target of the job ${job}`);
  return target;
}

describe("a Telegram that refuses", () => {
  let lab: LabInfo;
  beforeAll(() => {
    lab = labInfo();
  });
  afterAll(() => runLab("fix", "telegram-429"));

  test.each([
    { mode: "429", result: "retry", reason: /429: Too Many Requests/, later: true },
    { mode: "500", result: "retry", reason: /HTTP 502 with an answer that is not the Bot API/, later: true },
    { mode: "hang", result: "retry", reason: /no answer|timeout|timed out/i, later: true },
    { mode: "403", result: "dead", reason: /403: Forbidden: bot was blocked/, later: false },
  ])("$mode: $result with the reason, and told later: $later", async ({ mode, result, reason, later }) => {
    using home = tempDir();
    const alert = `Refused${mode}`;
    writeFileSync(
      path.join(home.path, "rules.yml"),
      `groups: [{name: g, interval: 1s, rules: [{alert: ${alert}, expr: vector(1), labels: {severity: warning}}]}]\n`,
    );
    const config = path.join(home.path, "opsmon.yml");
    writeFileSync(
      config,
      `rule_files: [rules.yml]\nopsmon: {alertmanager_config_file: "${path.join(lab.dir, "alertmanager.yml")}"}\n`,
    );
    const since = Date.now();
    await runLab("break", `telegram-${mode}`);
    await using engine = await startEngine({ home: home.path, config });
    const log = async (): Promise<string> =>
      (await opsmon(["notify", "log", "-o", "tsv", "--socket", engine.socket], { home: home.path })).stdout;
    const line = await eventually(
      "the refusal in the log",
      async () => (await log()).split("\n").find((each) => each.split("\t")[2] === result),
      60_000,
    );
    expect(line).toMatch(reason);
    const { stdout: status } = await opsmon(["status", "--socket", engine.socket], { home: home.path });
    expect(status).toMatch(/WARN.*telegram/);
    await runLab("fix", `telegram-${mode}`);
    if (!later) return;
    await eventually("the message", async () => /\tsent\t/.test(await log()), 60_000);
    const told = delivered(lab, CHAT, since).filter((each) => textOf(each).includes(alert));
    expect(told.at(-1)).toMatchObject({ path: "sendMessage", mode: "ok" });
    expect(told.filter((each) => (each as { mode?: string }).mode === "ok")).toHaveLength(1);
  });
});

test("messages that nobody acknowledges fire their alert, and it ends with them", async () => {
  using home = tempDir();
  await using engine = await startEngine({ home: home.path, config: path.join(labInfo().dir, "prometheus.yml") });
  const states = async (): Promise<readonly string[]> => {
    const { stdout } = await opsmon(["alerts", "-o", "json", "--socket", engine.socket], { home: home.path });
    const alerts = JSON.parse(stdout) as readonly { labels: Record<string, string>; state: string }[];
    return alerts.filter(({ labels }) => labels["alertname"] === "MessagesUnacked").map(({ state }) => state);
  };
  expect(await states()).not.toContain("firing");
  await runLab("break", "unacked");
  try {
    await eventually("the alert", async () => (await states()).includes("firing"), 60_000);
  } finally {
    await runLab("fix", "unacked");
  }
  await eventually("its end", async () => !(await states()).includes("firing"), 60_000);
});
