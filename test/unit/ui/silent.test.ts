/** An engine that falls silent or dies: what the screen still says, what it must not claim, and how it comes back. */
import { afterEach, describe, expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { mount, unmountAll } from "../../support/console.ts";
import { fixedSource, NOON } from "../../support/fixed-source.ts";

afterEach(unmountAll);

describe("a silent engine", () => {
  test("keys act while the engine is silent, and the header says since when", async () => {
    const { tty, source, press, settle } = await mount(120, 40);
    source.stall();
    await settle(6_000);
    expect(await tty.text()).toContain("NOT LIVE: no answer since 12:00:0");
    await press("3");
    expect(await tty.text()).toMatch(/redis/);
    source.release();
    await settle(2_000);
    expect(await tty.text()).not.toContain("no answer");
    expect(await tty.text()).toContain(" LIVE ");
  });

  test.each([
    { width: 46, height: 19 },
    { width: 80, height: 24 },
    { width: 120, height: 40 },
    { width: 200, height: 60 },
  ])("a dead engine's last numbers claim nothing at $width x $height", async ({ width, height }) => {
    const { tty, source, settle } = await mount(width, height);
    source.failWith("connect ECONNREFUSED /run/opsmon.sock");
    await settle(3_000);
    const text = await tty.text();
    expect(text).toMatch(/NOT LIVE.* since 12:00:01/);
    expect(text).toMatch(/alerts unknown/i);
    // what was last known stays readable, and is said to be old
    expect(text).toContain("RedisDown");
    expect(text).toMatch(/310\/s|32\.6 %/);
    expect(text).not.toMatch(/all ok|no alerts|all quiet|● ok|CRIT redis|[^T] LIVE/);
  });

  test.each([
    { width: 46, height: 19 },
    { width: 80, height: 24 },
  ])("what was worst stays first at $width x $height, whatever its name", async ({ width, height }) => {
    const { tty, source, settle } = await mount(width, height);
    const named = /\b(checkout|redis|disk space|rabbitmq|catalog|login|cpu|memory|network|orders)\b/;
    const order = async (): Promise<readonly (string | undefined)[]> =>
      (await tty.screen()).flatMap((line) => named.exec(line.slice(0, 24))?.[1] ?? []);
    const before = await order();
    expect(before.slice(0, 3)).toEqual(["checkout", "redis", "disk space"]);
    source.failWith("connect ECONNREFUSED /run/opsmon.sock");
    await settle(3_000);
    expect((await order()).slice(0, 5)).toEqual(before.slice(0, 5));
  });

  test("without alerts, a dead engine is no quiet one", async () => {
    const { tty, source, settle } = await mount(120, 40, { facts: { alerts: [] } });
    expect(await tty.text()).toContain("all quiet");
    source.failWith("connect ECONNREFUSED /run/opsmon.sock");
    await settle(3_000);
    expect(await tty.text()).toMatch(/alerts unknown: no answer since .*ECONNREFUSED/);
    expect(await tty.text()).not.toMatch(/no alerts|all quiet/);
  });

  test("before the first answer nothing is claimed about alerts", async () => {
    const source = fixedSource();
    source.stall();
    const { tty } = await mount(120, 40, { source });
    const [header] = await tty.screen();
    expect(header).toContain("alerts …");
    expect(await tty.text()).not.toMatch(/no alerts|all quiet/);
  });

  test("an engine of ours that died is revived, ever more patiently, and the screen goes on", async () => {
    const source = fixedSource();
    const calls: number[] = [];
    let works = false;
    const clock = manualClock(NOON);
    const revive = async (): Promise<void> => {
      calls.push(clock.now() - NOON);
      if (!works) throw new Error("the engine did not start");
      source.failWith(undefined);
    };
    const { tty, settle } = await mount(120, 40, { source, clock, revive });
    expect(calls).toEqual([]);
    source.failWith("connect ECONNREFUSED /run/opsmon.sock");
    for (let i = 0; i < 20; i++) await settle(1_000);
    const gaps = calls.slice(1).map((at, i) => at - (calls[i] as number));
    expect(gaps).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(await tty.text()).toContain("the engine did not start");
    works = true;
    for (let i = 0; i < 20; i++) await settle(1_000);
    expect(calls).toHaveLength(6);
    expect(await tty.text()).toMatch(/ LIVE 12:00/);
    expect(await tty.text()).toMatch(/CRIT redis/);
  });

  test("an engine that dies again and again, after a while each time, is revived at once each time", async () => {
    const source = fixedSource();
    const clock = manualClock(NOON);
    const revive = (): Promise<void> => Promise.resolve(source.failWith(undefined));
    const { tty, settle } = await mount(120, 40, { source, clock, revive });
    for (let round = 0; round < 8; round++) {
      source.failWith("connect ECONNREFUSED /run/opsmon.sock");
      for (let i = 0; i < 2; i++) await settle(1_000);
      expect(await tty.text()).toMatch(/ LIVE 12:0/);
      for (let i = 0; i < 12; i++) await settle(1_000);
    }
  });

  test("a view without panels notices a dead engine as well", async () => {
    const { tty, source, press, settle } = await mount(120, 40);
    await press("T");
    source.failWith("connect ECONNREFUSED /run/opsmon.sock");
    await settle(3_000);
    expect(await tty.text()).toContain("no answer since");
    // what was up then may not be up now
    expect(await tty.text()).not.toMatch(/● up/);
  });
});
