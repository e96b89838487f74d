/** The live console on a fake terminal: keys in, screens out, and a clean terminal whatever ends it. */
import { afterEach, describe, expect, test } from "vitest";
import { manualClock, type ManualClock } from "../../../src/base/clock.ts";
import type { TopExit, TopOptions } from "../../../src/ui/options.ts";
import { mountTop } from "../../../src/ui/mount.tsx";
import { type FakeTty, fakeTty } from "../../support/fake-tty.ts";
import { shopPanels } from "../../support/fixed-shop.ts";
import { fixedSource, type FixedSource, type FixedSourceOptions, NOON } from "../../support/fixed-source.ts";

interface Mounted {
  readonly tty: FakeTty;
  readonly clock: ManualClock;
  readonly source: FixedSource;
  readonly exit: Promise<TopExit>;
  /** Sends keys and lets everything settle; no time passes on the clock. */
  readonly press: (keys: string) => Promise<void>;
  readonly settle: (ms?: number) => Promise<void>;
}

const open: Mounted[] = [];

afterEach(async () => {
  for (const mounted of open.splice(0)) {
    mounted.source.release();
    mounted.tty.process.emit("SIGTERM");
    await mounted.exit.catch(() => undefined);
  }
});

async function mount(
  width: number,
  height: number,
  more: Partial<TopOptions> & {
    readonly source?: FixedSource;
    readonly facts?: FixedSourceOptions;
    readonly clock?: ManualClock;
  } = {},
): Promise<Mounted> {
  const tty = fakeTty(width, height);
  const clock = more.clock ?? manualClock(NOON);
  const source = more.source ?? fixedSource({ now: () => clock.now(), ...more.facts });
  const { facts: _, ...options } = more;
  const exit = mountTop({
    stdin: tty.stdin,
    stdout: tty.stdout,
    process: tty.process,
    panels: shopPanels,
    env: { TERM: "xterm-256color", LANG: "C.UTF-8" },
    utc: true,
    author: "kim",
    ...options,
    clock,
    source,
  });
  exit.catch(() => undefined);
  const settle = async (ms = 0): Promise<void> => {
    await clock.advance(ms);
    await clock.advance(0);
  };
  const mounted: Mounted = {
    tty,
    clock,
    source,
    exit,
    settle,
    async press(keys) {
      tty.press(keys);
      // A lone Escape waits 20 ms of real time inside ink for the rest of a sequence.
      if (keys === "\u001b") await new Promise((resolve) => setTimeout(resolve, 30));
      await settle(50);
    },
  };
  open.push(mounted);
  await settle(1_000);
  return mounted;
}

const count = (text: string, part: string): number => text.split(part).length - 1;

describe("mountTop", () => {
  test("shows health, charts and alerts of the moment", async () => {
    const { tty } = await mount(120, 40);
    const text = await tty.text();
    expect(text).toContain("LIVE 12:00:01Z");
    expect(text).toMatch(/CRIT redis/);
    expect(text).toMatch(/RedisDown .*Redis at 127\.0\.0\.1:9121 does not answer/);
    expect(tty.alternate()).toBe(true);
    expect(tty.cursorHidden()).toBe(true);
    expect(tty.rawMode).toBe(true);
  });

  test.each([
    { keys: "3", shows: /Redis up/, why: "a digit is a view" },
    { keys: ":pg\r", shows: /Connections used/, why: "the palette knows aliases" },
    { keys: ":span 1h\r", shows: / 1h *$/m, why: "the palette sets the span" },
    { keys: "+", shows: / 1h *$/m, why: "plus is the next longer span" },
    { keys: " ", shows: /PAUSED 12:00:01Z/, why: "space pauses" },
    { keys: "[", shows: /PAUSED 12:00:00Z/, why: "a step back lands on the bucket" },
    { keys: "[[", shows: /PAUSED 11:59:45Z/, why: "two keys in one read are two steps" },
    { keys: "{", shows: /PAUSED 11:57:45Z/, why: "ten buckets" },
    { keys: "<", shows: /PAUSED 11:58:50Z/, why: "the last alert change" },
    { keys: "b11:45\r", shows: /PAUSED 11:45:00Z/, why: "go to a time" },
    { keys: "/disk\r", shows: /\/disk/, why: "a filter is named in the header" },
    { keys: "?", shows: /Keys in overview/, why: "help" },
    { keys: "T", shows: /connection refused by 127\.0\.0\.1:9121/, why: "a target's own sentence" },
    { keys: "9", shows: /STATE +ALERT +FOR +WHERE/, why: "the alert table" },
    { keys: "Eeredis_mem\t\r", shows: /redis_memory/, why: "completion of metric names" },
  ])("$keys: $why", async ({ keys, shows }) => {
    const { tty, press } = await mount(120, 40);
    await press(keys);
    expect(await tty.text()).toMatch(shows);
  });

  test("a pause takes charts, alerts and numbers back together", async () => {
    const { tty, press } = await mount(120, 40);
    await press("b11:49\r");
    const text = await tty.text();
    expect(text).toContain("PAUSED 11:49:00Z");
    expect(text).toContain("nothing was pending or firing");
    expect(text).toMatch(/ok +redis .*up/);
    await press(".");
    expect(await tty.text()).toMatch(/LIVE 12:0/);
  });

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

  test("a view without panels notices a dead engine as well", async () => {
    const { tty, source, press, settle } = await mount(120, 40);
    await press("T");
    source.failWith("connect ECONNREFUSED /run/opsmon.sock");
    await settle(3_000);
    expect(await tty.text()).toContain("no answer since");
    // what was up then may not be up now
    expect(await tty.text()).not.toMatch(/● up/);
  });

  test("a terminal that takes nothing costs frames, not memory, and gets the newest frame at last", async () => {
    const { tty, source, press, settle } = await mount(120, 40);
    tty.stall();
    await press("3");
    const queued = tty.writes.length;
    await press("4");
    await press("5");
    await settle(8_000);
    expect(tty.writes.length).toBe(queued);
    expect(source.batches.length).toBeLessThan(12);
    tty.release();
    await settle(1_000);
    const text = await tty.text();
    expect(text).toMatch(/opsmon services/);
    expect(text).toContain("Duration, p95");
  });

  test("acknowledges and silences the alert under the cursor", async () => {
    const { tty, source, press } = await mount(120, 40);
    await press("a");
    await press("xlooking\r");
    await press("js");
    await press("\u001530m deploy\r");
    expect(source.commands).toMatchObject([
      { kind: "ack", author: "kim", comment: "looking" },
      { kind: "silence", silence: { createdBy: "kim", comment: "deploy" } },
    ]);
    const silence = source.commands[1];
    if (silence?.kind !== "silence") throw new Error("no silence");
    expect(silence.silence.endsAt - silence.silence.startsAt).toBe(30 * 60_000);
    expect(silence.silence.matchers).toContainEqual({ name: "alertname", op: "=", value: "QueueFillsUp" });
    expect(await tty.text()).toContain("done: silence");
  });

  test("D adds the exporter that was found", async () => {
    const { source, press } = await mount(120, 40);
    await press("TGD");
    expect(source.commands).toEqual([{ kind: "add-target", scraper: "nginx", url: "http://127.0.0.1:9113/metrics" }]);
  });

  test("a read-only source refuses with a sentence", async () => {
    const { tty, source, press } = await mount(120, 40, {
      facts: { capabilities: { kind: "bundle", place: "incident.opsmon", control: false } },
    });
    await press("ax");
    expect(source.commands).toEqual([]);
    expect(await tty.text()).toContain("incident.opsmon is read-only");
  });

  test("copies the expression by OSC 52", async () => {
    const { tty, press } = await mount(120, 40);
    await press("ay");
    expect(tty.raw).toContain(`\u001b]52;c;${Buffer.from("redis_up == 0").toString("base64")}\u0007`);
  });

  test("a paste outside a prompt is no command", async () => {
    const { tty, press } = await mount(120, 40);
    await press("\u001b[200~q3\u001b[201~");
    expect(await tty.text()).toContain("overview");
    await press(":\u001b[200~redis\u001b[201~\r");
    expect(await tty.text()).toMatch(/opsmon redis/);
  });

  test("mouse reports reach nobody until they are asked for", async () => {
    const { tty, press } = await mount(120, 40);
    await press("1\u001b[<0;90;5M");
    expect(tty.raw).not.toContain("\u001b[?1000h");
    await press("m");
    expect(tty.raw).toContain("\u001b[?1000h\u001b[?1006h");
    await press("m");
    expect(count(tty.raw, "\u001b[?1000l")).toBe(1);
  });

  test("an unfocused terminal is asked less often, a focused one at once", async () => {
    const { source, press, settle } = await mount(120, 40);
    await press("\u001b[O");
    const before = source.batches.length;
    await settle(4_000);
    expect(source.batches.length - before).toBeLessThanOrEqual(1);
    const idle = source.batches.length;
    await press("\u001b[I");
    expect(source.batches.length).toBeGreaterThan(idle);
  });
});

describe("leaving", () => {
  const clean = (tty: FakeTty): void => {
    expect(count(tty.raw, "\u001b[?1049h")).toBe(1);
    expect(count(tty.raw, "\u001b[?1049l")).toBe(1);
    expect(tty.raw.endsWith("\u001b[?1049l")).toBe(true);
    expect(tty.raw).toContain("\u001b[?25h");
    expect(tty.rawMode).toBe(false);
  };

  test.each([
    { name: "q", leave: (m: Mounted) => m.tty.press("q"), reason: { reason: "quit" } },
    { name: "Ctrl-C", leave: (m: Mounted) => m.tty.press("\u0003"), reason: { reason: "quit" } },
    { name: "Ctrl-C in help", leave: (m: Mounted) => m.tty.press("?\u0003"), reason: { reason: "quit" } },
    {
      name: "SIGTERM",
      leave: (m: Mounted) => m.tty.process.emit("SIGTERM"),
      reason: { reason: "signal", signal: "SIGTERM" },
    },
    {
      name: "SIGHUP",
      leave: (m: Mounted) => m.tty.process.emit("SIGHUP"),
      reason: { reason: "signal", signal: "SIGHUP" },
    },
  ])("$name leaves a clean terminal", async ({ leave, reason }) => {
    const mounted = await mount(80, 24);
    leave(mounted);
    await mounted.settle();
    expect(await mounted.exit).toEqual(reason);
    clean(mounted.tty);
    await mounted.tty.screen();
    expect(mounted.tty.alternate()).toBe(false);
    expect(mounted.tty.cursorHidden()).toBe(false);
  });

  test("a dying process gives the terminal back first", async () => {
    const { tty } = await mount(80, 24);
    tty.process.emit("uncaughtExceptionMonitor", new Error("boom"));
    clean(tty);
    expect(await tty.text()).toBe("\n".repeat(23));
  });

  test("a crash while drawing leaves, then throws", async () => {
    const broken = shopPanels.map((spec) =>
      spec.id === "redis.up" ? { ...spec, title: null as unknown as string } : spec,
    );
    const { tty, exit, press } = await mount(80, 24, { panels: broken });
    await press("3");
    await expect(exit).rejects.toThrow(/null|undefined/);
    clean(tty);
  });

  test("Ctrl-Z gives the terminal back and SIGCONT takes it again", async () => {
    const { tty, press, settle } = await mount(80, 24);
    const before = await tty.text();
    await press("\u001a");
    expect(tty.process.killed).toEqual(["SIGTSTP"]);
    await settle();
    await tty.screen();
    expect(tty.alternate()).toBe(false);
    expect(tty.rawMode).toBe(false);
    tty.process.emit("SIGCONT");
    await settle();
    await tty.screen();
    expect(tty.alternate()).toBe(true);
    // A second may have passed: the numbers differ, what stands where does not.
    const shape = (text: string): string => text.replace(/[\d.]+/g, "#").replace(/[▁-█ ]+/g, " ");
    expect(shape(await tty.text())).toBe(shape(before));
  });

  test("SIGCONT after a stop from outside draws everything anew", async () => {
    const { tty, settle } = await mount(80, 24);
    tty.process.emit("SIGCONT");
    await settle();
    expect(tty.raw.lastIndexOf("\u001b[2J")).toBeGreaterThan(tty.raw.indexOf("\u001b[2J"));
    expect(await tty.text()).toContain("Alerts");
  });

  test("a dumb terminal gets one plain frame and not one escape code", async () => {
    const tty = fakeTty(80, 24);
    const { stdin, stdout } = tty;
    const options = { clock: manualClock(NOON), source: fixedSource(), panels: shopPanels, stdin, stdout };
    expect(await mountTop({ ...options, env: { TERM: "dumb", LANG: "C.UTF-8" } })).toEqual({ reason: "quit" });
    expect(tty.raw).toContain("RedisDown");
    // oxlint-disable-next-line no-control-regex
    expect(tty.raw).not.toMatch(/[^\n\u0020-\u007e]/);
  });

  test("no terminal, no console", async () => {
    const tty = fakeTty(80, 24);
    const stdin = { ...tty.stdin, isTTY: false } as typeof tty.stdin;
    const { stdout } = tty;
    const options = { clock: manualClock(NOON), source: fixedSource(), panels: [], env: {}, stdin, stdout };
    await expect(mountTop(options)).rejects.toMatchObject({ code: "not-a-terminal", exit: 2 });
    expect(tty.raw).toBe("");
  });
});
