/** What becomes of an alert over an outage: the table Prometheus tests its own restore with, and what differs here. */
import { expect, test } from "vitest";
import { memoryState } from "../../../src/state/memory.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { ruleRoom, T0, type RuleRoom } from "../../support/rule-room.ts";

const MINUTE = 60;
const rules = (forText: string, expr = "m > 0"): string =>
  `groups: [{name: g, rules: [{alert: A, expr: '${expr}', for: ${forText}}]}]`;

interface Case {
  readonly why: string;
  readonly forText: string;
  /** Minutes the condition held before the outage. */
  readonly before: number;
  readonly downMinutes: number;
  /** Is the condition still true after it? */
  readonly after: boolean;
  readonly want: string;
  /** Minutes from T0. */
  readonly activeAt?: number;
}

const cases: readonly Case[] = [
  {
    why: "a pending one goes on waiting",
    forText: "25m",
    before: 10,
    downMinutes: 5,
    after: true,
    want: "pending",
    activeAt: 0,
  },
  {
    why: "a pending one fires when the outage completed its time",
    forText: "15m",
    before: 10,
    downMinutes: 10,
    after: true,
    want: "firing",
    activeAt: 0,
  },
  {
    why: "a short `for` is restored too (Prometheus forgets it)",
    forText: "5m",
    before: 3,
    downMinutes: 2,
    after: true,
    want: "firing",
    activeAt: 0,
  },
  {
    why: "a firing one stays firing, whatever its `for`",
    forText: "5m",
    before: 10,
    downMinutes: 3,
    after: true,
    want: "firing",
    activeAt: 0,
  },
  {
    why: "a firing one stays firing over hours",
    forText: "5m",
    before: 10,
    downMinutes: 300,
    after: true,
    want: "firing",
    activeAt: 0,
  },
  {
    why: "a condition that ended meanwhile is over",
    forText: "5m",
    before: 10,
    downMinutes: 3,
    after: false,
    want: "",
  },
  {
    why: "over an hour nobody looked: a pending one's outage does not count",
    forText: "30m",
    before: 10,
    downMinutes: 120,
    after: true,
    want: "pending",
    activeAt: 120,
  },
];

test.each(cases)("$why", async ({ forText, before, downMinutes, after, want, activeAt }) => {
  const store = memoryStore();
  const state = memoryState();
  const first = await ruleRoom({ rules: rules(forText), store, state });
  await first.manager.start();
  for (let minute = 0; minute <= before; minute++) {
    await first.put(minute * MINUTE, { m: 1 });
    await first.tick(minute * MINUTE);
  }
  await first.manager.close();
  const at = (before + downMinutes) * MINUTE;
  const second = await ruleRoom({ rules: rules(forText), store, state, startSeconds: at });
  await second.manager.start();
  await second.put(at, { m: after ? 1 : 0 });
  await second.tick(at);
  expect(second.active()).toEqual(want === "" ? [] : [`A{} ${want}`]);
  if (activeAt !== undefined) expect(second.manager.alerts()[0]?.activeAt).toBe(T0 + activeAt * MINUTE * 1000);
});

async function firingThenDead(series: string, store = memoryStore(), state = memoryState()): Promise<RuleRoom> {
  const room = await ruleRoom({ rules: rules("0s"), store, state });
  await room.manager.start();
  await room.put(0, { [series]: 1, 'up{instance="a"}': 1 });
  await room.tick(0);
  await room.manager.close();
  return room;
}

test("before its target is scraped again a restored alert is nodata, not resolved; then the answer counts", async () => {
  const dead = await firingThenDead('m{instance="a"}');
  const at = 30 * MINUTE;
  const room = await ruleRoom({ rules: rules("0s"), store: dead.store, state: dead.state, startSeconds: at });
  await room.manager.start();
  await room.tick(at);
  expect(room.active()).toEqual(['A{instance="a"} nodata']);
  expect(room.told.at(-1)?.[0]).toMatchObject({ firedAt: T0, resolvedAt: undefined });
  await room.put(at + 60, { 'm{instance="a"}': 0, 'up{instance="a"}': 1 });
  await room.tick(at + 60);
  expect(room.active()).toEqual([]);
});

test("after an outage a rate has too few samples to say no: the alert is held until its window is past the hole", async () => {
  const text = rules("0s", "rate(m[5m]) > 0.1");
  const first = await ruleRoom({ rules: text });
  await first.manager.start();
  for (const seconds of [0, 60, 120]) await first.put(seconds, { 'm{instance="a"}': seconds, 'up{instance="a"}': 1 });
  await first.tick(120);
  expect(first.active()).toEqual(['A{instance="a"} firing']);
  await first.manager.close();
  const at = 30 * MINUTE;
  const room = await ruleRoom({ rules: text, store: first.store, state: first.state, startSeconds: at });
  await room.manager.start();
  await room.put(at, { 'm{instance="a"}': at, 'up{instance="a"}': 1 });
  await room.tick(at);
  expect(room.active()).toEqual(['A{instance="a"} nodata']);
  await room.put(at + 60, { 'm{instance="a"}': at + 60, 'up{instance="a"}': 1 });
  await room.tick(at + 60);
  expect(room.active()).toEqual(['A{instance="a"} firing']);
  expect(room.manager.alerts()[0]?.firedAt).toBe(T0 + 120_000);
});

test("after an outage two scrapes answer for a rate: what no longer holds is over, whatever its window", async () => {
  const text = rules("10m", "rate(m[5m]) > 0.1");
  for (const before of ["pending", "firing"] as const) {
    const first = await ruleRoom({ rules: before === "pending" ? text : rules("0s", "rate(m[5m]) > 0.1") });
    await first.manager.start();
    for (const seconds of [0, 60, 120]) await first.put(seconds, { 'm{instance="a"}': seconds, 'up{instance="a"}': 1 });
    await first.tick(120);
    expect(first.active()).toEqual([`A{instance="a"} ${before}`]);
    await first.manager.close();
    const at = 30 * MINUTE;
    const again = before === "pending" ? text : rules("0s", "rate(m[5m]) > 0.1");
    const room = await ruleRoom({ rules: again, store: first.store, state: first.state, startSeconds: at });
    await room.manager.start();
    expect(room.manager.alerts().map((alert) => alert.restored)).toEqual([true]);
    for (const seconds of [1, 3]) await room.put(at + seconds, { 'm{instance="a"}': 5, 'up{instance="a"}': 1 });
    await room.tick(at + 4);
    expect(room.active(), before).toEqual([]);
    expect(await room.query("ALERTS", at + 5), "its series ends with it").toEqual([]);
    expect(await room.query("ALERTS_FOR_STATE", at + 5)).toEqual([]);
  }
});

test("a sum over a window has an answer only when its window is past the hole: a firing one is held so long", async () => {
  const text = rules("0s", "increase(m[5m]) > 10");
  const first = await ruleRoom({ rules: text });
  await first.manager.start();
  for (const seconds of [0, 60, 120]) await first.put(seconds, { 'm{instance="a"}': seconds, 'up{instance="a"}': 1 });
  await first.tick(120);
  await first.manager.close();
  const at = 30 * MINUTE;
  const room = await ruleRoom({ rules: text, store: first.store, state: first.state, startSeconds: at });
  await room.manager.start();
  for (let seconds = 0; seconds <= 300; seconds += 60) {
    await room.put(at + seconds, { 'm{instance="a"}': 500, 'up{instance="a"}': 1 });
    await room.tick(at + seconds);
    expect(room.active(), `${seconds} s`).toEqual(seconds < 300 ? ['A{instance="a"} nodata'] : []);
  }
});

test("a pending one waits for its target to be scraped again as what it is, marked as restored", async () => {
  const text = rules("10m");
  const first = await ruleRoom({ rules: text });
  await first.manager.start();
  await first.put(0, { 'm{instance="a"}': 1, 'up{instance="a"}': 1 });
  await first.tick(0);
  expect(first.manager.alerts()[0]?.restored).toBeUndefined();
  await first.manager.close();
  const at = 8 * MINUTE;
  const room = await ruleRoom({ rules: text, store: first.store, state: first.state, startSeconds: at });
  await room.manager.start();
  await room.tick(at);
  expect(room.manager.alerts()).toMatchObject([{ state: "pending", restored: true }]);
  await room.put(at + 60, { 'm{instance="a"}': 2, 'up{instance="a"}': 1 });
  await room.tick(at + 60);
  expect(room.manager.alerts()).toMatchObject([{ state: "pending", value: 2, activeAt: T0 }]);
  expect(room.manager.alerts()[0]?.restored).toBeUndefined();
});

test("a target that never comes back ends the wait after ten minutes", async () => {
  const dead = await firingThenDead('m{instance="a"}');
  const at = 30 * MINUTE;
  const room = await ruleRoom({ rules: rules("0s"), store: dead.store, state: dead.state, startSeconds: at });
  await room.manager.start();
  await room.tick(at + 9 * MINUTE);
  expect(room.active()).toEqual(['A{instance="a"} nodata']);
  await room.tick(at + 10 * MINUTE);
  expect(room.active()).toEqual([]);
});

test("a rule removed while stopped: its alerts are closed with that reason and told", async () => {
  const dead = await firingThenDead('m{instance="a"}');
  const room = await ruleRoom({
    rules: "groups: [{name: other, rules: [{alert: B, expr: m > 5}]}]",
    store: dead.store,
    state: dead.state,
    startSeconds: 60,
  });
  await room.manager.start();
  expect((await room.transitions()).at(-1)).toBe("firing>inactive the rule was removed while opsmon did not run");
  expect(await room.query("ALERTS", 61), "its series ends with it").toEqual([]);
  expect(room.told[0]?.[0]).toMatchObject({ state: "inactive", resolvedAt: T0 + 60_000 });
  const third = await ruleRoom({ rules: rules("0s"), store: dead.store, state: dead.state, startSeconds: 120 });
  await third.manager.start();
  expect(third.active()).toEqual([]);
});

test("a damaged record costs that alert only, and is named", async () => {
  const store = memoryStore();
  const state = memoryState();
  const first = await ruleRoom({ rules: rules("0s"), store, state });
  await first.manager.start();
  await first.put(0, { 'm{i="1"}': 1, 'm{i="2"}': 1 });
  await first.tick(0);
  const keys: string[] = [];
  for await (const [key] of state.scan({ gte: "alert/", lt: "alert0" })) keys.push(key);
  await state.batch([{ kind: "put", key: keys[0] as string, value: '{"schema":1,"base":"fir' }]);
  const errors: unknown[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (message: string, fields?: unknown) => void errors.push([message, fields]),
    with: () => log,
  };
  const second = await ruleRoom({ rules: rules("0s"), store, state, startSeconds: 60, manager: { log } });
  await second.manager.start();
  expect(second.manager.alerts()).toHaveLength(1);
  expect(JSON.stringify(errors)).toContain(keys[0]);
});

test("rules that share name and labels keep their alerts apart", async () => {
  const twice = "groups: [{name: g, rules: [{alert: A, expr: m > 0, for: 5m}, {alert: A, expr: n > 0}]}]";
  const store = memoryStore();
  const state = memoryState();
  const first = await ruleRoom({ rules: twice, store, state });
  await first.manager.start();
  await first.put(0, { m: 1, n: 1 });
  await first.tick(0);
  const second = await ruleRoom({ rules: twice, store, state, startSeconds: 60 });
  await second.manager.start();
  expect(second.manager.rules().map((rule) => rule.alerts.map((alert) => alert.state))).toEqual([
    ["pending"],
    ["firing"],
  ]);
});
