/** The live console on a fake terminal: keys in, screens out, and a clean terminal whatever ends it. */
import { afterEach, describe, expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { mountTop } from "../../../src/ui/mount.tsx";
import { mount, type Mounted, unmountAll } from "../../support/console.ts";
import { type FakeTty, fakeTty } from "../../support/fake-tty.ts";
import { shopPanels } from "../../support/fixed-shop.ts";
import { fixedSource, NOON } from "../../support/fixed-source.ts";

afterEach(unmountAll);

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
    { keys: "?\u001bT", shows: /Targets/, why: "Escape and a key in one read are two keys" },
    { keys: "Equeue\u001bb(", shows: /PromQL: \(queue/, why: "in a line, Alt-b goes a word back" },
    { keys: "Eq", shows: /PromQL: q/, why: "explore is opened to type into" },
    { keys: ":explore\rq", shows: /PromQL: q/, why: "by its name as well" },
    { keys: "9", shows: /inactive > PENDING/, why: "what never fired was not resolved" },
    { keys: "Eredis_mem\t\r", shows: /redis_memory/, why: "completion of metric names" },
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

  test.each([
    { width: 46, height: 19, header: /1 CRIT /, row: /QueueFillsUp acked by sam/ },
    { width: 80, height: 24, header: /1 CRITICAL .*1 acked/, row: /ACKED +QueueFillsUp.*acked by/ },
    { width: 120, height: 40, header: /1 CRITICAL .*1 acked/, row: /ACKED +QueueFillsUp .*acked by sam: orders/ },
    { width: 200, height: 60, header: /1 CRITICAL .*1 acked/, row: /ACKED +QueueFillsUp.*acked by sam: orders/ },
  ])("an acknowledged alert is told as such at $width x $height", async ({ width, height, header, row }) => {
    const suppressed = { by: "ack", who: "sam", until: NOON + 3_600_000, comment: "on it" } as const;
    const known = await fixedSource().alerts("now");
    const alerts = known.map((one) => (one.labels.get("alertname") === "QueueFillsUp" ? { ...one, suppressed } : one));
    const { tty, press } = await mount(width, height, { facts: { alerts } });
    await press("A");
    const [first = ""] = await tty.screen();
    expect(first).toMatch(header);
    expect(first).not.toContain("WARN");
    expect(await tty.text()).toMatch(row);
    await press("9G");
    expect(await tty.text()).toMatch(/quiet +acked by sam until 13:00:00: on it/);
  });

  test("a pending alert that is silenced is counted once, as silenced", async () => {
    const suppressed = { by: "silence", who: "sam", until: NOON + 3_600_000, comment: "" } as const;
    const known = await fixedSource().alerts("now");
    const alerts = known.map((one) => (one.state === "pending" ? { ...one, suppressed } : one));
    const { tty } = await mount(120, 40, { facts: { alerts } });
    const [header] = await tty.screen();
    expect(header).toMatch(/1 CRITICAL {2}1 WARNING {2}1 silenced/);
  });

  test("--view explore waits for an expression", async () => {
    const { tty, press } = await mount(80, 24, { view: "explore" });
    await press("q");
    expect(await tty.text()).toContain("PromQL: q");
  });

  test("series of an expression are told apart by the labels they differ in", async () => {
    const { tty, press } = await mount(120, 40);
    await press("Ehttp_requests\r");
    expect(await tty.text()).toMatch(/● service=checkout/);
  });

  test("a target that comes up is seen at the next tick", async () => {
    const base = fixedSource();
    let up = false;
    const source = {
      ...base,
      targets: async () =>
        (await base.targets()).map((target) => (up ? { ...target, health: "up" as const, lastError: "" } : target)),
    };
    const { tty, press, settle } = await mount(120, 40, { source });
    await press("T");
    expect(await tty.text()).toMatch(/DOWN +redis/);
    up = true;
    await settle(1_000);
    expect(await tty.text()).toMatch(/up +redis/);
  });

  test("targets that do not fit are counted", async () => {
    const base = fixedSource();
    const [first] = await base.targets();
    if (first === undefined) throw new Error("no target");
    const many = Array.from({ length: 50 }, (_, i) => ({ ...first, job: `job${i + 100}` }));
    const { tty, press } = await mount(80, 24, { source: { ...base, targets: async () => many } });
    await press("T");
    expect(await tty.text()).toMatch(/\d+ more below/);
    await press("G");
    expect(await tty.text()).toMatch(/\d+ more above/);
    expect(await tty.text()).not.toContain("more below");
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
      name: "SIGQUIT",
      leave: (m: Mounted) => m.tty.process.emit("SIGQUIT"),
      reason: { reason: "signal", signal: "SIGQUIT" },
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
