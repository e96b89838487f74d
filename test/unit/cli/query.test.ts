/** `opsmon query` and `opsmon check` against a real engine's socket. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RuleStatus, TargetStatus } from "../../../src/api/source.ts";
import { COMMANDS } from "../../../src/cli/registry.ts";
import type { Alert } from "../../../src/model/alert.ts";
import { Labels } from "../../../src/model/labels.ts";
import { type ApiFixture, fill, serveApi } from "../../support/api.ts";
import { commandNamed, type CallOptions, type Ran, runCommand } from "../../support/cli.ts";

const NOW = 1_800_000_000_000;
let api: ApiFixture;
let dir: string;

const target = (job: string, health: "up" | "down"): TargetStatus => ({
  job,
  url: `http://${job}:9100/metrics`,
  labels: Labels.from({ job, instance: `${job}:9100` }),
  health,
  lastError: health === "up" ? "" : "connection refused",
  lastScrapeAt: NOW,
  lastDurationMs: 5,
  samples: 3,
  intervalMs: 15_000,
  timeoutMs: 10_000,
});
const rule: RuleStatus = {
  group: "g",
  file: "f.yml",
  intervalMs: 15_000,
  name: "RedisDown",
  kind: "alerting",
  expr: "up == 0",
  forMs: 0,
  keepFiringForMs: 0,
  labels: Labels.from({}),
  annotations: Labels.from({}),
  health: "ok",
  lastError: "",
  lastEvalAt: NOW,
  lastDurationMs: 1,
  alerts: [],
};

const restored: Alert = {
  labels: Labels.from({ alertname: "CpuHigh", instance: "a" }),
  annotations: Labels.from({ summary: "CPU at 99%" }),
  state: "pending",
  value: 99,
  activeAt: NOW - 60_000,
  firedAt: undefined,
  resolvedAt: undefined,
  restored: true,
  lastEvalAt: NOW - 30_000,
  rule: { group: "g", file: "f.yml", name: "CpuHigh", expr: "x > 95" },
  generatorUrl: "",
};

beforeAll(async () => {
  api = await serveApi(NOW, {
    targets: () => [target("node", "up"), target("redis", "down")],
    rules: () => [rule],
    alerts: async () => [restored],
  });
  dir = mkdtempSync(path.join(tmpdir(), "opsmon-cli-"));
  const points = (from: number, step: number) =>
    Array.from({ length: 20 }, (_, i) => [NOW - (19 - i) * 15_000, from + step * i] as const);
  await fill(api.services, { __name__: "jobs_total", kind: "mail" }, points(0, 2));
  await fill(api.services, { __name__: "jobs_total", kind: "print" }, points(5, 1));
  await fill(api.services, { __name__: "evil", note: "a\u001b]0;owned\u0007\u202eb" }, [[NOW, 1]]);
  await fill(api.services, { __name__: "old" }, [[NOW - 3_600_000, 1]]);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

function query(
  expr: string | undefined,
  options: Record<string, unknown> = {},
  more: Partial<CallOptions> = {},
): Promise<Ran> {
  return runCommand(commandNamed(COMMANDS, "query"), {
    now: NOW,
    args: expr === undefined ? [] : [expr],
    options: { socket: api.socket, utc: true, ...options },
    ...more,
  });
}

describe("opsmon query", () => {
  it("prints tab-separated text in a pipe and a table on a terminal", async () => {
    expect((await query("sum by (kind) (jobs_total)")).out).toBe(
      "kind\ttime\tvalue\nmail\t2027-01-15T08:00:00Z\t38\nprint\t2027-01-15T08:00:00Z\t24\n",
    );
    expect((await query("sum by (kind) (jobs_total)", {}, { tty: true })).out).toBe(
      "KIND   VALUE\nmail      38\nprint     24\n",
    );
  });

  it("takes its expression from a file or from standard input", async () => {
    const file = path.join(dir, "expr.promql");
    writeFileSync(file, "count(jobs_total)\n");
    expect((await query(undefined, { file, output: "value" })).out).toBe("2\n");
    expect((await query("-", { output: "value" }, { stdin: "1 +\n 1\n" })).out).toBe("2\n");
    await expect(query("up", { file })).rejects.toMatchObject({ code: "two-expressions", exit: 2 });
    await expect(query(undefined, { file: path.join(dir, "none") })).rejects.toMatchObject({
      code: "unreadable",
      exit: 2,
    });
    await expect(query(undefined)).rejects.toMatchObject({
      code: "no-expression",
      hint: expect.stringContaining("query -- -up"),
      exit: 2,
    });
  });

  it("draws the last hour where a picture is asked for without a range", async () => {
    const { out } = await query("jobs_total", { output: "spark" });
    expect(out.split("\n")).toHaveLength(3);
    expect(out).toMatch(/kind="mail".*[\u2581-\u2588\u2800-\u28ff].*38/);
    expect((await query("jobs_total", { output: "spark", time: "-2m30s" })).out).toMatch(/kind="mail".* 18/);
  });

  it("shows where the mistake is", async () => {
    await expect(query("sum(jobs_total")).rejects.toMatchObject({
      message: "1:15: parse error: unclosed left parenthesis\n  sum(jobs_total\n                ^",
      exit: 2,
    });
  });

  it.each([
    ["jobs_totl", "jobs_totl was never scraped; did you mean jobs_total?", "a spelling mistake"],
    ["zzzzzz", "zzzzzz was never scraped", "nothing like it"],
    ["jobs_total{kind='mial'}", 'jobs_total has no kind="mial"; did you mean "mail"?', "a value with one"],
    ["jobs_total{kind='x'}", 'jobs_total has no kind="x": it is mail, print', "another value"],
    ["jobs_total{queue='x'}", 'jobs_total has no queue="x": it has no such label', "another label"],
    ["rate(old[5m])", "old was last seen at 2027-01-15T07:00:00Z, 1h before", "a series that ended"],
    ["jobs_total > 100", "every series exists, but the expression left none of them", "a filter"],
    [
      "jobs_total offset 1h",
      "jobs_total has samples now, but none at the time of jobs_total offset 1h",
      "an offset beyond the data",
    ],
    ["jobs_total offset 1m > 100", "every series exists, but the expression left none of them", "one inside of it"],
  ])("says why %s is empty: %s (%s)", async (expr, why) => {
    const { code, out, err } = await query(expr, { output: "tsv" });
    expect([code, out, err]).toEqual([0, "time\tvalue\n", `empty: ${why}\n`]);
    expect((await query(expr, { exitCode: true })).code).toBe(1);
  });

  it("keeps the header of an empty csv", async () => {
    expect((await query("zzzzzz", { output: "csv" })).out).toBe("time,value\n");
  });

  it.each(["table", "csv", "tsv", "prom", "json", "jsonl"])(
    "-o %s lets no escape sequence reach a terminal",
    async (output) => {
      const { out } = await query("evil", { output }, { tty: true });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(out).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(out).toContain("owned");
    },
  );

  it.each([
    ["tsv", "evil\ta\\u001b]0;owned\\u0007\\u202eb\t", "the form for pipes"],
    ["csv", "evil,a\\u001b]0;owned\\u0007\\u202eb,", "a table program shows it as text"],
    ["prom", 'evil{note="a\\\\u001b]0;owned\\\\u0007\\\\u202eb"} 1', "the text format has no escape for it"],
    ["jsonl", '"note":"a\\u001b]0;owned\\u0007\\u202eb"', "JSON's own escape, so exact"],
  ])("-o %s in a pipe writes what drives terminals as %s (%s)", async (output, text) => {
    expect((await query("evil", { output })).out).toContain(text);
  });

  it("json is exact in spite of it", async () => {
    const { out } = await query("evil", { output: "json" });
    expect(JSON.parse(out).result[0].metric.note).toBe("a\u001b]0;owned\u0007\u202eb");
  });

  it.each([
    ["absent(jobs_totl)", "hint: jobs_totl was never scraped; did you mean jobs_total?\n", "absent() is never empty"],
    ["jobs_total or jobs_totel", "hint: jobs_totel was never scraped; did you mean jobs_total?\n", "a side of or"],
    ["jobs_total unless evill", "hint: evill was never scraped; did you mean evil?\n", "a side of unless"],
    ["absent(zzzzzzzz)", "", "nothing looks like it"],
    ["jobs_total or old", "", "both are known"],
  ])("%s is answered, and %j (%s)", async (expr, err) => {
    const ran = await query(expr);
    expect([ran.code, ran.err]).toEqual([0, err]);
  });

  it("--limit is a whole number", async () => {
    expect((await query("jobs_total", { limit: "1" })).out.split("\n")).toHaveLength(3);
    await expect(query("jobs_total", { limit: "abc" })).rejects.toMatchObject({ code: "bad-number", exit: 2 });
  });

  it.each([
    [{ step: "5s" }, "no-start", "a step without a range"],
    [{ start: "-1h", step: "0" }, "bad-step", "a step of nothing"],
    [{ start: "-1h", end: "-2h" }, "bad-range", "the end before the start"],
    [{ time: "sometime" }, "bad-time", "a time that is none"],
    [{ time: "-1h", start: "-2h" }, "two-times", "a moment and a range"],
  ])("refuses %o as %s (%s)", async (options: Record<string, string>, code: string, _why: string) => {
    await expect(query("jobs_total", options)).rejects.toMatchObject({ code, exit: 2 });
  });
});

describe("opsmon query --url", () => {
  /** A server that lets nobody in, with a certificate of its own. */
  async function guarded(run: (url: string) => Promise<void>): Promise<void> {
    const [key, cert] = ["server.key", "server.crt"].map((name) => readFileSync(path.join("test/fixtures/tls", name)));
    const server = createServer({ key, cert }, (_, reply) => void reply.writeHead(401).end("Unauthorized\n"));
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    try {
      await run(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  it("says what is missing where a server is not trusted, or does not trust", () =>
    guarded(async (url) => {
      const asked = (options: Record<string, string>) =>
        runCommand(commandNamed(COMMANDS, "query"), { now: NOW, args: ["up"], options: { url, ...options } });
      await expect(asked({})).rejects.toMatchObject({
        message: `cannot reach ${url}: nobody vouches for its certificate`,
        hint: expect.stringContaining("--ca-file"),
        exit: 4,
      });
      await expect(asked({ caFile: "test/fixtures/tls/server.crt" })).rejects.toMatchObject({
        message: `${url} answered 401 and wants to know who asks`,
        hint: expect.stringContaining("--token-file"),
        exit: 4,
      });
    }));
});

describe("opsmon alerts query", () => {
  it("says that a restored alert was not evaluated since", async () => {
    const { out } = await runCommand(commandNamed(COMMANDS, "alerts", "query"), {
      now: NOW,
      options: { socket: api.socket },
    });
    expect(out).toContain("pending\tCpuHigh\t1m\t99\t");
    expect(out).toContain("not evaluated since the restart; before it: CPU at 99%");
  });
});

type Case = readonly [
  kind: string,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
  code: number,
  text: string,
  why: string,
];

describe("opsmon check", () => {
  const check = (kind: string, args: readonly string[], options: Record<string, unknown> = {}): Promise<Ran> =>
    runCommand(commandNamed(COMMANDS, "check", kind), {
      now: NOW,
      args,
      options: { socket: api.socket, empty: "unknown", ...options },
    });

  it.each([
    ["query", ["sum(jobs_total)"], { critical: "100" }, 0, "OK: value is 62 | 'value'=62;;100", "inside"],
    ["query", ["sum(jobs_total)"], { warning: "50", critical: "100" }, 1, "WARNING: value is 62", "over the warning"],
    ["query", ["sum(jobs_total)"], { critical: "70:" }, 2, "CRITICAL: value is 62", "below what is needed"],
    ["query", ["sum(jobs_total)"], { critical: "@60:70" }, 2, "CRITICAL: value is 62", "inside a forbidden range"],
    [
      "query",
      ["sum(jobs_total)"],
      { critical: "100", invert: true },
      2,
      "CRITICAL: value is 62",
      "the other way round",
    ],
    ["query", ["jobs_total"], { warning: "30" }, 1, 'WARNING: jobs_total{kind="mail"} is 38 |', "the one that is over"],
    ["query", ["zzzzzz"], {}, 3, "UNKNOWN: the expression returned nothing: zzzzzz was never scraped", "nothing"],
    [
      "query",
      ["jobs_totl"],
      {},
      3,
      "UNKNOWN: the expression returned nothing: jobs_totl was never scraped; did you mean jobs_total?",
      "a mistake",
    ],
    ["query", ["zzzzzz"], { empty: "ok" }, 0, "OK: the expression returned nothing", "nothing, as it should be"],
    ["query", ["sum("], {}, 3, "UNKNOWN: ", "no expression"],
    ["query", ["1"], { warning: "x" }, 3, 'UNKNOWN: "x" is not a threshold', "no threshold"],
    ["query", ["1"], { warning: "1.2.3" }, 3, 'UNKNOWN: "1.2.3" is not a threshold', "no number: never OK for ever"],
    ["query", ["1"], { critical: "10:3" }, 3, 'UNKNOWN: "10:3" is not a threshold', "a range the wrong way round"],
    ["query", ["-1"], { critical: "~:-3" }, 2, "CRITICAL: value is -1", "below nought"],
    ["query", ["NaN"], { critical: "1" }, 3, "UNKNOWN: value is NaN | 'value'=U;;1", "no number to plot"],
    ["query", ["1/0"], { critical: "1" }, 2, "CRITICAL: value is +Inf | 'value'=U;;1", "none either, but too much"],
    ["query", ["'x'"], {}, 3, "UNKNOWN: a text cannot be compared with thresholds", "a text"],
    ["query", ["jobs_total[1m]"], {}, 3, "UNKNOWN: a range of samples cannot be compared", "a range"],
    [
      "query",
      ['label_replace(vector(7), "a", "x|y", "", "")'],
      { critical: "1" },
      2,
      `CRITICAL: {a="x/y"} is 7 | '{a_"x_y"}'=7;;1`,
      "one bar only, before the performance data",
    ],
    [
      "query",
      ["1"],
      { socket: "/nonexistent.sock", data: "/nonexistent" },
      3,
      "UNKNOWN: no opsmon engine",
      "nobody to ask",
    ],
    [
      "query",
      ["1"],
      { socket: "/nonexistent.sock", data: undefined },
      3,
      'UNKNOWN: no opsmon engine answers on the socket "/nonexistent.sock"',
      "who names a socket does not get the default directory's data",
    ],
    ["alert", ["RedisDown"], {}, 0, "OK: RedisDown does not fire", "a rule that is quiet"],
    [
      "alert",
      ["RedisDwon"],
      {},
      3,
      'UNKNOWN: there is no alert rule "RedisDwon"; did you mean RedisDown?',
      "a mistake",
    ],
    ["alert", [], {}, 0, "OK: nothing fires", "nothing"],
    ["up", ["node"], {}, 0, "OK: 1 up | up=1 down=0", "one that answers"],
    [
      "up",
      [],
      {},
      2,
      "CRITICAL: 1 of 2 down: http://redis:9100/metrics: connection refused | up=1 down=1;;1;0;2",
      "one that does not",
    ],
    ["up", ["nginx"], { empty: "critical" }, 2, "CRITICAL: no target of job nginx", "a job without targets"],
  ] as readonly Case[])("%s %j with %o is %i: %s (%s)", async (kind, args, options, code, text) => {
    const ran = await check(kind, args, options);
    expect(ran.code).toBe(code);
    expect(ran.out.startsWith(text), ran.out).toBe(true);
    expect(ran.out.split("\n")).toHaveLength(2);
  });
});
