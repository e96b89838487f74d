/** `opsmon check metrics`, `targets` and `up`: what they say, and what they end with. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RuleStatus, TargetStatus } from "../../../src/api/source.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { Alert } from "../../../src/model/alert.ts";
import { COMMANDS } from "../../../src/cli/registry.ts";
import { type ApiFixture, serveApi } from "../../support/api.ts";
import { commandNamed, type Ran, runCommand } from "../../support/cli.ts";
import { root, tempDir } from "../../support/process.ts";

const NOW = 1_700_000_000_000;

const check = (
  name: string,
  args: readonly string[],
  options: Record<string, unknown> = {},
  stdin = "",
): Promise<Ran> => runCommand(commandNamed(COMMANDS, "check", name), { now: NOW, args, options, stdin });

describe("opsmon check metrics", () => {
  const golden = path.join(root, "test/golden/lint");

  test("says what promtool 3.5 says of the same page", async () => {
    const { code, err, out } = await check("metrics", [path.join(golden, "page.prom")]);
    expect(err).toBe(readFileSync(path.join(golden, "promtool.txt"), "utf8"));
    expect([code, out]).toEqual([0, ""]);
  });

  const pages: readonly (readonly [
    page: string,
    options: Record<string, unknown>,
    code: number,
    err: RegExp,
    why: string,
  ])[] = [
    ["# HELP a_x A.\n# TYPE a_x gauge\na_x 1\n", { strict: true }, 0, /^$/, "nothing to say"],
    ["a_x 1", {}, 0, /a_x no help text/, "a remark alone is no failure"],
    ["a_x 1", { strict: true }, 1, /a_x no help text/, "unless somebody is strict"],
    ["a_x 1", { strict: true, lint: "none" }, 0, /^$/, "no check was asked for"],
    [
      "a_ms 1",
      { lint: "units,abbreviation" },
      0,
      /^a_ms metric names should not contain abbreviated units\n$/,
      "some checks",
    ],
    ["a{ 1", {}, 3, /standard input: line 1: /, "not a page"],
    ['a{le="1"} 1\na{le="2"} 1', { lint: "reserved" }, 0, /^$/, "without a type nothing is reserved"],
    [
      '# TYPE a gauge\na{le="1"} 1\na{le="2"} 1',
      { lint: "reserved" },
      0,
      /^a non-histogram metrics should not have "le" label \(2 times\)\n$/,
      "once, however often",
    ],
    [
      "# TYPE r counter\n# HELP r R.\nr_total 1\n# EOF\n",
      { strict: true },
      0,
      /^$/,
      "OpenMetrics names counters without _total",
    ],
    ["", {}, 0, /^$/, "an empty page has no fault"],
  ];
  test.each(pages)("%j with %j ends with %d", async (page, options, code, err) => {
    const ran = await check("metrics", [], options, page);
    expect([ran.code, err.test(ran.err), ran.err]).toEqual([code, true, ran.err]);
  });

  test("--extended counts the series of each family, the largest first", async () => {
    const page =
      '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\ng{a="1"} 1\ng{a="2"} 1\nx 1\n';
    const { out } = await check("metrics", [], { extended: true, lint: "none" }, page);
    expect(out.split("\n").map((line) => line.split("\t"))).toEqual([
      ["metric", "series", "share"],
      ["h", "4", "57.14%"],
      ["g", "2", "28.57%"],
      ["x", "1", "14.29%"],
      ["total", "7", "100.00%"],
      [""],
    ]);
  });

  test("a check that does not exist is a mistake of usage", async () => {
    await expect(check("metrics", [], { lint: "halp" })).rejects.toMatchObject({
      message: '"halp" is not a check; did you mean help?',
      exit: 2,
    });
  });
});

describe("opsmon check targets and up", () => {
  let api: ApiFixture;
  const target = (job: string, health: TargetStatus["health"], n: number): TargetStatus => ({
    job,
    url: `http://${job}:${n}/metrics`,
    labels: Labels.from({ job, instance: `${job}:${n}` }),
    discovered: Labels.EMPTY,
    health,
    lastError: health === "down" ? "connection refused" : "",
    lastScrapeAt: NOW,
    lastDurationMs: 1,
    samples: 1,
    intervalMs: 15_000,
    timeoutMs: 10_000,
  });
  beforeAll(async () => {
    const some = [...Array.from({ length: 8 }, (_, n) => target("node", "up", n)), target("node", "down", 8)];
    const all = [...some, target("redis", "up", 0), target("new", "unknown", 0)];
    api = await serveApi(NOW, { targets: () => all });
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const cases: readonly (readonly [
    name: string,
    args: string[],
    options: Record<string, unknown>,
    code: number,
    text: RegExp,
    why: string,
  ])[] = [
    ["targets", [], {}, 1, /connection refused[^]*1 of 11 targets down, 1 not scraped yet/, "one is one too many"],
    ["targets", [], { maxDown: "1" }, 0, /1 of 11 targets down/, "one is borne"],
    ["targets", ["node"], { maxDown: "10%" }, 1, /1 of 9 targets down/, "11 % are more than 10"],
    ["targets", ["node"], { maxDown: "12%" }, 0, /1 of 9 targets down/, "and less than 12"],
    ["targets", ["redis"], {}, 0, /^0 of 1 target down/, "all answer"],
    [
      "up",
      [],
      {},
      2,
      /^CRITICAL: 1 of 11 down: http:\/\/node:8\/metrics: connection refused \| up=10 down=1;;1;0;11\n$/,
      "critical unless told",
    ],
    ["up", [], { warning: "1" }, 1, /^WARNING: [^|]*\| up=10 down=1;1;;0;11/, "only a warning was asked for"],
    [
      "up",
      [],
      { warning: "1", critical: "50%" },
      1,
      /^WARNING: [^|]*\| up=10 down=1;1;;0;11/,
      "a share that is not reached",
    ],
    ["up", ["node"], { critical: "11%" }, 2, /^CRITICAL/, "a share that is reached"],
    ["up", [], { critical: "5" }, 0, /^OK: 1 of 11 down/, "fewer than the limit"],
    ["up", ["redis"], {}, 0, /^OK: 1 up \| up=1 down=0;;1;0;1/, "all answer"],
    ["up", [], { critical: "x" }, 3, /^UNKNOWN: "x" is neither/, "no number"],
    ["up", ["nosuch"], { empty: "critical" }, 2, /^CRITICAL: no target of job nosuch/, "what empty means is said"],
  ];
  test.each(cases)("%s %j with %j ends with %d", async (name, args, options, code, text) => {
    const ran = await check(name, args, { socket: api.socket, empty: "unknown", ...options });
    const said = ran.out + ran.err;
    expect([ran.code, text.test(said), said]).toEqual([code, true, said]);
  });

  test("a job that is not scraped is no good news", async () => {
    await expect(check("targets", ["nosuch"], { socket: api.socket })).rejects.toMatchObject({
      code: "no-target",
      exit: 3,
    });
    using home = tempDir();
    writeFileSync(path.join(home.path, "x"), "");
    await expect(check("targets", [], { socket: api.socket, maxDown: "-1" })).rejects.toMatchObject({ exit: 2 });
  });
});

describe("opsmon check alert", () => {
  const alert = (name: string, state: Alert["state"], severity = "warning"): Alert => ({
    labels: Labels.from({ alertname: name, severity }),
    annotations: Labels.EMPTY,
    state,
    value: 1,
    activeAt: NOW,
    firedAt: NOW,
    resolvedAt: undefined,
    lastEvalAt: NOW,
    rule: { group: "g", file: "f.yml", name, expr: "x" },
    generatorUrl: "",
  });
  const rule = (name: string, health: RuleStatus["health"]): RuleStatus => ({
    group: "g",
    file: "f.yml",
    intervalMs: 15_000,
    name,
    kind: "alerting",
    expr: "x",
    forMs: 0,
    keepFiringForMs: 0,
    labels: Labels.EMPTY,
    annotations: Labels.EMPTY,
    health,
    lastError: health === "err" ? "1:1: parse error" : "",
    lastEvalAt: NOW,
    lastDurationMs: 1,
    alerts: [],
  });
  const three = [alert("A", "firing"), alert("B", "firing"), alert("C", "pending")];
  const cases: readonly (readonly [
    alerts: readonly Alert[],
    args: string[],
    options: Record<string, unknown>,
    code: number,
    text: RegExp,
    why: string,
  ])[] = [
    [three, [], {}, 1, /^WARNING: firing: A, B \| firing=2;;;0 pending=1\n$/, "by their severity"],
    [[alert("A", "firing", "critical")], [], {}, 2, /^CRITICAL: firing: A/, "a critical one"],
    [three, [], { warning: "1", critical: "3" }, 1, /^WARNING: firing: A, B \| firing=2;1;3;0/, "by their number"],
    [three, [], { critical: "3" }, 0, /^OK: firing: A, B/, "fewer than the limit"],
    [three, ["A"], {}, 2, /^CRITICAL: firing: A/, "one that is asked for by name"],
    [three, ["C"], {}, 0, /^OK: C does not fire \| firing=0;;;0 pending=1/, "pending is not firing"],
    [three, ["A"], { invert: true }, 0, /^OK: firing: A/, "a watchdog that fires"],
    [[], ["A"], { invert: true }, 2, /^CRITICAL: A does not fire/, "a watchdog that is silent"],
    [[alert("A", "nodata")], ["A"], {}, 3, /^UNKNOWN: A: no data/, "silence of the source is no good news"],
    [[alert("A", "error")], [], {}, 3, /^UNKNOWN: A: its rule cannot be evaluated/, "nor is a rule that fails"],
    [[], ["Broken"], {}, 3, /^UNKNOWN: Broken cannot be evaluated: 1:1: parse error/, "a rule that never worked"],
    [
      [],
      ["Nosuch"],
      { empty: "critical" },
      2,
      /^CRITICAL: there is no alert rule "Nosuch"/,
      "a rule that is not there",
    ],
    [[], ["A"], { critical: "many" }, 3, /^UNKNOWN: --critical "many" is not a whole number/, "no number"],
  ];
  test.each(cases)("%# %j with %j", async (alerts, args, options, code, text) => {
    const rules = [rule("A", "ok"), rule("C", "ok"), ...(args[0] === "Broken" ? [rule("Broken", "err")] : [])];
    await using api = await serveApi(NOW, { alerts: async () => alerts, rules: () => rules });
    const ran = await check("alert", args, { socket: api.socket, empty: "unknown", ...options });
    expect([ran.code, text.test(ran.out), ran.out]).toEqual([code, true, ran.out]);
  });
});
