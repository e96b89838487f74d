/** Alert states through time, on the real engine: Prometheus' rules first, then what opsmon promises beyond them. */
import { expect, test } from "vitest";
import { UserError } from "../../../src/base/errors.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { groupsOf, ruleRoom, T0 } from "../../support/rule-room.ts";

const DOWN = `
groups:
- name: g
  rules:
  - alert: Slow
    expr: latency > 1
    for: 2m
    labels: {severity: warning, at: '{{ $labels.instance }}'}
    annotations: {summary: 'latency {{ $value }}'}
`;

test("pending until the condition held for its time, then firing, then resolved once", async () => {
  const room = await ruleRoom({ rules: DOWN });
  const series = 'latency{instance="a"}';
  const seen: string[] = [];
  for (const [seconds, value] of [
    [0, 0.5],
    [60, 2],
    [120, 3],
    [180, 4],
    [240, 0.1],
    [300, 0.1],
  ] as const) {
    await room.put(seconds, { [series]: value });
    await room.tick(seconds);
    seen.push(room.active().join());
  }
  const labels = 'Slow{at="a", instance="a", severity="warning"}';
  expect(seen).toEqual(["", `${labels} pending`, `${labels} pending`, `${labels} firing`, "", ""]);
  expect(await room.transitions()).toEqual([
    "inactive>pending the expression returned this element",
    "pending>firing held for 2m",
    "firing>inactive no longer true",
  ]);
  const resolved = room.told.at(-1)?.[0];
  expect(resolved?.state).toBe("inactive");
  expect(resolved?.resolvedAt).toBe(T0 + 240_000);
  expect(resolved?.firedAt).toBe(T0 + 180_000);
});

test("annotations and value follow the expression, activeAt does not", async () => {
  const room = await ruleRoom({ rules: DOWN });
  for (const [seconds, value] of [
    [0, 2],
    [60, 3],
  ] as const) {
    await room.put(seconds, { 'latency{instance="a"}': value });
    await room.tick(seconds);
  }
  const [alert] = room.manager.alerts();
  expect([alert?.annotations.get("summary"), alert?.value, alert?.activeAt]).toEqual(["latency 3", 3, T0]);
});

test("a pending alert whose condition ends is forgotten and starts anew", async () => {
  const room = await ruleRoom({ rules: DOWN });
  for (const [seconds, value] of [
    [0, 2],
    [60, 0],
    [120, 2],
    [180, 2],
  ] as const) {
    await room.put(seconds, { 'latency{instance="a"}': value });
    await room.tick(seconds);
  }
  expect(room.active()).toEqual(['Slow{at="a", instance="a", severity="warning"} pending']);
  expect(room.manager.alerts()[0]?.activeAt).toBe(T0 + 120_000);
});

test("keep_firing_for holds a firing alert after the condition ended, counted from its first absence", async () => {
  const room = await ruleRoom({
    rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0, keep_firing_for: 2m}]}]",
  });
  const states: string[] = [];
  for (const [seconds, value] of [
    [0, 1],
    [60, 0],
    [120, 0],
    [180, 0],
  ] as const) {
    await room.put(seconds, { m: value });
    await room.tick(seconds);
    states.push(room.active().join());
  }
  expect(states).toEqual(["A{} firing", "A{} firing", "A{} firing", ""]);
});

test("a resolved alert is told for 15 minutes, then forgotten", async () => {
  const room = await ruleRoom({ rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0}]}]" });
  await room.put(0, { m: 1 });
  await room.tick(0);
  await room.put(60, { m: 0 });
  for (const seconds of [60, 60 + 15 * 60]) {
    await room.put(seconds, { m: 0 });
    await room.tick(seconds);
    expect(room.told.at(-1)?.length, `after ${seconds} s`).toBe(1);
  }
  await room.tick(60 + 16 * 60);
  expect(room.told.at(-1)).toEqual([]);
});

test("ALERTS and ALERTS_FOR_STATE are written, and end when the state changes", async () => {
  const room = await ruleRoom({ rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0, for: 1m}]}]" });
  await room.put(0, { m: 1 });
  await room.tick(0);
  expect(await room.query('{__name__=~"ALERTS.*"}', 0)).toEqual([
    'ALERTS_FOR_STATE{alertname="A"} ' + T0 / 1000,
    'ALERTS{alertname="A", alertstate="pending"} 1',
  ]);
  await room.put(60, { m: 1 });
  await room.tick(60);
  expect(await room.query("ALERTS", 60)).toEqual(['ALERTS{alertname="A", alertstate="firing"} 1']);
  await room.put(120, { m: 0 });
  await room.tick(120);
  expect(await room.query('{__name__=~"ALERTS.*"}', 120)).toEqual([]);
});

test("recording rules write before the next rule looks, and end what vanishes", async () => {
  const room = await ruleRoom({
    rules: `
groups:
- name: g
  labels: {team: ops}
  rules:
  - {record: 'job:m:sum', expr: 'sum by (job) (m)', labels: {src: rule}}
  - {alert: High, expr: 'job:m:sum > 1'}
`,
  });
  await room.put(0, { 'm{job="a",i="1"}': 1, 'm{job="a",i="2"}': 2, 'm{job="b"}': 1 });
  await room.tick(0);
  expect(await room.query("job:m:sum", 0)).toEqual([
    'job:m:sum{job="a", src="rule", team="ops"} 3',
    'job:m:sum{job="b", src="rule", team="ops"} 1',
  ]);
  expect(room.active()).toEqual(['High{job="a", src="rule", team="ops"} firing']);
  await room.put(60, { 'm{job="a",i="1"}': 5, 'm{job="a",i="2"}': "stale", 'm{job="b"}': "stale" });
  await room.tick(60);
  expect(await room.query("job:m:sum", 60)).toEqual(['job:m:sum{job="a", src="rule", team="ops"} 5']);
});

test("a failed evaluation holds every alert as error; it is never read as resolved", async () => {
  let broken = false;
  const room = await ruleRoom({ rules: DOWN });
  const engine = (await import("../../../src/promql/engine.ts")).createEngine({
    queryable: room.store,
    clock: room.clock,
  });
  const failing = await ruleRoom({
    rules: DOWN,
    store: room.store,
    manager: {
      engine: {
        instant: (expr, at) =>
          broken ? Promise.reject(new UserError("promql-timeout", "query timed out")) : engine.instant(expr, at),
      },
    },
  });
  for (const seconds of [0, 60, 120]) {
    await failing.put(seconds, { 'latency{instance="a"}': 2 });
    await failing.tick(seconds);
  }
  broken = true;
  await failing.tick(180);
  await failing.tick(240);
  const labels = 'Slow{at="a", instance="a", severity="warning"}';
  expect(failing.active()).toEqual([`${labels} error`]);
  expect(failing.manager.rules()[0]).toMatchObject({ health: "err", lastError: "query timed out" });
  expect(failing.told.at(-1)?.[0]).toMatchObject({ state: "error", firedAt: T0 + 120_000, resolvedAt: undefined });
  broken = false;
  await failing.put(300, { 'latency{instance="a"}': 2 });
  await failing.tick(300);
  expect(failing.active()).toEqual([`${labels} firing`]);
  expect(await failing.transitions()).toEqual([
    "inactive>pending the expression returned this element",
    "pending>firing held for 2m",
    "firing>error evaluation failed: query timed out",
    "error>firing data is back",
  ]);
  const evaluations = await failing.journal.scan(["evaluation"], 0, Number.MAX_SAFE_INTEGER);
  expect(evaluations.map((record) => record.kind === "evaluation" && record.outcome)).toEqual(["ok", "error", "ok"]);
});

test.each([
  ["its target is down", 'up{instance="a"}', 0, "nodata"],
  ["its target answers without it", 'up{instance="a"}', 1, "resolved"],
  ["nothing is known of a target", 'up{instance="other"}', 0, "resolved"],
])("an element that vanished while %s", async (_why, up, value, want) => {
  const room = await ruleRoom({ rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0}]}]" });
  await room.put(0, { 'm{instance="a"}': 1, 'up{instance="a"}': 1 });
  await room.tick(0);
  await room.put(60, { 'm{instance="a"}': "stale", 'up{instance="a"}': "stale", [up]: value });
  // The same series cannot hold two samples of one time, so the last sample of `up` comes a second later.
  await room.put(61, { [up]: value });
  await room.tick(61);
  expect(room.active()).toEqual(want === "nodata" ? ['A{instance="a"} nodata'] : []);
});

test("a rule about absence or about up itself takes an empty answer as an answer", async () => {
  const room = await ruleRoom({
    rules: `groups: [{name: g, rules: [{alert: Absent, expr: 'absent(m{instance="a"})'}, {alert: Down, expr: up == 0}]}]`,
  });
  await room.put(0, { 'up{instance="a"}': 0 });
  await room.tick(0);
  expect(room.active()).toEqual(['Absent{instance="a"} firing', 'Down{instance="a"} firing']);
  await room.put(60, { 'm{instance="a"}': 1, 'up{instance="a"}': 1 });
  await room.tick(60);
  expect(room.active()).toEqual([]);
});

test("a stale timestamp is not a fresh one: time() in an expression does not make silence an answer", async () => {
  const room = await ruleRoom({ rules: "groups: [{name: g, rules: [{alert: Old, expr: time() - backup_time > 60}]}]" });
  await room.put(0, { 'backup_time{instance="a"}': 5, 'up{instance="a"}': 1 });
  await room.tick(0);
  await room.put(60, { 'backup_time{instance="a"}': "stale", 'up{instance="a"}': 0 });
  await room.tick(60);
  expect(room.active()).toEqual(['Old{instance="a"} nodata']);
});

test("nodata ends when data is back, or after its hold", async () => {
  const room = await ruleRoom({
    rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0}]}]",
    manager: { noDataHoldMs: 300_000 },
  });
  await room.put(0, { 'm{instance="a"}': 1, 'up{instance="a"}': 1 });
  await room.tick(0);
  await room.put(60, { 'm{instance="a"}': "stale", 'up{instance="a"}': 0 });
  await room.tick(60);
  await room.put(120, { 'm{instance="a"}': 1, 'up{instance="a"}': 1 });
  await room.tick(120);
  expect(room.active()).toEqual(['A{instance="a"} firing']);
  await room.put(180, { 'm{instance="a"}': "stale", 'up{instance="a"}': 0 });
  for (let seconds = 180; seconds <= 480; seconds += 60) {
    await room.put(seconds, { 'up{instance="a"}': 0 });
    await room.tick(seconds);
    expect(room.active()).toEqual(seconds < 480 ? ['A{instance="a"} nodata'] : []);
  }
});

test("two elements that become one after labels are a mistake of the rule, in Prometheus' words", async () => {
  const room = await ruleRoom({ rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0, labels: {i: same}}]}]" });
  await room.put(0, { 'm{i="1"}': 1, 'm{i="2"}': 1 });
  await room.tick(0);
  expect(room.manager.rules()[0]?.lastError).toBe(
    "vector contains metrics with the same labelset after applying alert labels",
  );
});

test("a group's limit refuses the evaluation", async () => {
  const room = await ruleRoom({
    rules: "groups: [{name: g, limit: 1, rules: [{alert: A, expr: m > 0}, {record: r, expr: m}]}]",
  });
  await room.put(0, { 'm{i="1"}': 1, 'm{i="2"}': 1 });
  await room.tick(0);
  expect(room.manager.rules().map((rule) => rule.lastError)).toEqual([
    "exceeded limit of 1 with 2 alerts",
    "exceeded limit of 1 with 2 series",
  ]);
  expect(await room.query("r", 0)).toEqual([]);
});

test("query_offset looks back and writes back", async () => {
  const room = await ruleRoom({
    rules: "groups: [{name: g, query_offset: 30s, rules: [{record: r, expr: m}]}]",
  });
  await room.put(0, { m: 1 });
  await room.put(60, { m: 2 });
  await room.tick(60);
  expect(await room.query("r", 30)).toEqual(["r 1"]);
});

test("a reload keeps the alerts of rules that stay and resolves those of rules that go", async () => {
  const room = await ruleRoom({
    rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0, for: 5m}, {alert: B, expr: m > 0}]}]",
  });
  await room.put(0, { m: 1 });
  await room.tick(0);
  await room.manager.apply(groupsOf("groups: [{name: g, rules: [{alert: A, expr: m > 0.5, for: 2m}]}]"));
  expect(room.active()).toEqual(["A{} pending"]);
  const gone = room.told.at(-1)?.[0];
  expect([gone?.labels.get("alertname"), gone?.state, gone?.resolvedAt]).toEqual(["B", "inactive", T0]);
  expect((await room.transitions()).at(-1)).toBe("firing>inactive the rule was removed");
  await room.put(120, { m: 1 });
  await room.tick(120);
  expect(room.active()).toEqual(["A{} firing"]);
  const versions = await room.journal.scan(["rule-version"], 0, Number.MAX_SAFE_INTEGER);
  expect(versions.map((record) => (record.kind === "rule-version" ? record.rule : ""))).toEqual(["A", "B", "A"]);
});

test("slots: aligned to the interval, a slow tick makes slots be missed, counted and journalled", async () => {
  let release = (): void => undefined;
  const times: number[] = [];
  const room = await ruleRoom({
    rules: "groups: [{name: g, interval: 10s, rules: [{record: r, expr: m}]}]",
    manager: {
      engine: {
        instant: async (_expr, at) => {
          times.push(at);
          if (times.length === 2) await new Promise<void>((resolve) => (release = resolve));
          const stats = { seriesRead: 0, samplesRead: 0, elapsedMs: 0, resolutionMs: 0 };
          return { value: { kind: "vector", t: at, samples: [] }, warnings: [], infos: [], stats };
        },
      },
    },
  });
  await room.manager.start();
  await room.clock.advance(50_000);
  expect(times.length).toBe(2);
  release();
  await room.clock.advance(30_000);
  await room.manager.close();
  const steps = times.slice(1).map((at, i) => at - (times[i] as number));
  expect(new Set(times.map((at) => at % 10_000)).size).toBe(1);
  expect(steps[0]).toBe(10_000);
  expect(steps[1]).toBeGreaterThan(20_000);
  expect(steps.slice(2)).toEqual(steps.slice(2).map(() => 10_000));
  expect(room.manager.missedIterations()).toBe((steps[1] as number) / 10_000 - 1);
  const missed = (await room.journal.scan(["evaluation"], 0, Number.MAX_SAFE_INTEGER)).filter(
    (record) => record.kind === "evaluation" && record.outcome === "missed",
  );
  expect(missed).toHaveLength(1);
});

test("a clock set forward by hours misses no evaluation: the leap is told and journalled", async () => {
  const room = await ruleRoom({ rules: "groups: [{name: g, interval: 10s, rules: [{record: r, expr: vector(1)}]}]" });
  await room.manager.start();
  await room.clock.advance(30_000);
  room.clock.jump(room.clock.now() + 5 * 3_600_000);
  await room.clock.advance(30_000);
  await room.manager.close();
  expect(room.manager.missedIterations()).toBe(0);
  expect(room.manager.leap()).toMatchObject({ byMs: 5 * 3_600_000 });
  const missed = (await room.journal.scan(["evaluation"], 0, Number.MAX_SAFE_INTEGER)).filter(
    (record) => record.kind === "evaluation" && record.outcome === "missed",
  );
  expect(missed).toMatchObject([{ durationMs: 5 * 3_600_000, error: expect.stringContaining("the clock was set") }]);
});

test("hostile lengths: a label of a megabyte neither fills the journal nor stops the alert from being kept", async () => {
  const huge = "x".repeat(1024 * 1024);
  const room = await ruleRoom({
    rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0, annotations: {a: '{{ $labels.l }}'}}]}]",
  });
  await room.put(0, { [`m{l="${huge}"}`]: 1 });
  await room.tick(0);
  const [record] = await room.journal.scan(["transition"], 0, Number.MAX_SAFE_INTEGER);
  expect(JSON.stringify(record).length).toBeLessThan(20_000);
  expect(room.manager.alerts()[0]?.annotations.get("a")).toMatch(/^<error expanding template: .*output longer than/);
  const again = await ruleRoom({
    rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0}]}]",
    state: room.state,
    store: room.store,
  });
  await again.manager.start();
  expect(again.manager.alerts()[0]?.labels.get("l")).toBe(huge);
});

test("a store that takes nothing is told once, and once more when it takes again; alerts go on", async () => {
  const store = memoryStore();
  let full = true;
  const appendable = {
    appender: () => {
      const appender = store.appender();
      const refuse = (): Promise<never> => Promise.reject(new UserError("store-read-only", "the disk has 3 MiB left"));
      return full ? Object.assign(Object.create(appender) as typeof appender, { commit: refuse }) : appender;
    },
  };
  const lines: string[] = [];
  const say = (message: string): void => void lines.push(message);
  const log = { debug: () => undefined, info: say, warn: say, error: say, with: () => log };
  const rules = "groups: [{name: g, rules: [{record: a, expr: vector(1)}, {alert: A, expr: vector(1)}]}]";
  const room = await ruleRoom({ rules, store, manager: { appendable, log } });
  for (const seconds of [0, 60, 120]) await room.tick(seconds);
  expect(lines).toEqual(["results of rules are not stored"]);
  expect(room.active()).toEqual(["A{} firing"]);
  full = false;
  for (const seconds of [180, 240]) await room.tick(seconds);
  expect(lines.slice(1)).toEqual(["results of rules are stored again"]);
  expect(await room.query("a", 240)).toHaveLength(1);
});
