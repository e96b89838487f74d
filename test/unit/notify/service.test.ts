import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { openState } from "../../../src/state/leveldb.ts";
import { memoryState } from "../../../src/state/memory.ts";
import type { StateStore } from "../../../src/state/state.ts";
import { startFakeTelegram } from "../../support/fake-telegram.ts";
import { type Bench, CHAT, START, alert, configOf, configText, freshBench, startBench } from "../../support/notify.ts";

const open: Bench[] = [];
const keep = (bench: Bench): Bench => {
  open.push(bench);
  return bench;
};
afterEach(async () => {
  for (const one of open.splice(0)) {
    await one.notifier.close();
    await one.fake.close();
  }
});

const SLOW = { labels: { alertname: "Slow", severity: "warning", instance: "a" } };

describe("the notifier on a real disk", () => {
  it("is closed and opened between firing and resolve without losing either", async () => {
    const dir = await mkdtemp(join(tmpdir(), "opsmon-notify-"));
    const clock = manualClock(START);
    const fake = await startFakeTelegram({ now: () => clock.now(), chats: [{ id: CHAT }] });
    const config = configOf(configText(fake));
    let state = await openState(dir);
    const first = await startBench({ fake, clock, state, config });
    await first.tick(alert(SLOW, START));
    await first.run(3_000);
    await first.notifier.close();
    await state.close();
    state = await openState(dir);
    const second = await startBench({ fake, clock, state, config });
    await second.tick(alert({ ...SLOW, state: "inactive", firedAt: START }, clock.now()));
    await second.run(15_000);
    expect(fake.messages(CHAT).map((message) => message.text.split(" ")[1])).toEqual(["RESOLVED"]);
    await second.notifier.close();
    await state.close();
    await fake.close();
    await rm(dir, { recursive: true });
  });

  it("tells alerts although the disk refuses, and writes again when it recovers", async () => {
    const clock = manualClock(START);
    const fake = await startFakeTelegram({ now: () => clock.now(), chats: [{ id: CHAT }] });
    const disk = memoryState();
    let full = true;
    const state: StateStore = {
      ...disk,
      batch: (ops) => (full ? Promise.reject(new Error("no space left on device")) : disk.batch(ops)),
    };
    const b = keep(await startBench({ fake, clock, state, config: configOf(configText(fake)) }));
    // The tick's own batch is refused, so nobody calls committed().
    await expect(b.tick(alert(SLOW, START))).rejects.toThrow("no space left");
    await b.run(15_000);
    expect(fake.messages(CHAT)).toHaveLength(1);
    full = false;
    await b.run(10_000);
    expect((await b.deliveries()).map((record) => record.outcome)).toContain("sent");
  });
});

describe("a wall clock set back by a day", () => {
  it("holds up neither a group nor a paused chat", async () => {
    const b = keep(await freshBench());
    await b.tick(alert(SLOW, START));
    b.clock.jump(START - 86_400_000);
    await b.run(40_000, 5_000);
    expect(b.fake.messages(CHAT)).toHaveLength(1);
    b.fake.fail("editMessageText", { kind: "rate", retryAfter: 20 });
    await b.tick(alert({ ...SLOW, state: "inactive", firedAt: START }, b.clock.now()));
    await b.run(12_000);
    b.clock.jump(b.clock.now() - 86_400_000);
    await b.run(120_000, 5_000);
    expect(b.fake.messages(CHAT)[0]?.text).toContain("RESOLVED");
  });
});

describe("silences", () => {
  const input = {
    matchers: [{ name: "alertname", op: "=" as const, value: "Slow" }],
    startsAt: START,
    endsAt: START + 3_600_000,
    createdBy: "anna",
    comment: "deploy",
  };
  it.each([
    [{ matchers: [] }, "a silence has 0 matchers"],
    [{ matchers: [{ name: "a", op: "=~" as const, value: ".*" }] }, 'a=~".*" matches alerts without these labels'],
    [{ matchers: [{ name: "a", op: "=~" as const, value: "(" }] }, '"(" is not a regular expression'],
    [{ endsAt: START - 1 }, "the silence ends before it starts"],
    [{ startsAt: START - 20, endsAt: START - 10 }, "the silence ends in the past"],
    [{ createdBy: " " }, "the silence has no author"],
    [{ comment: "" }, "the silence has no comment"],
    [{ id: "nobody" }, 'there is no silence "nobody"'],
  ])("%j is refused: %s", async (change, message) => {
    const b = keep(await freshBench());
    await expect(b.notifier.silence({ ...input, ...change })).rejects.toThrow(message);
  });

  it("longer is the same silence, other matchers are a new one", async () => {
    const b = keep(await freshBench());
    const { id } = await b.notifier.silence(input);
    expect((await b.notifier.silence({ ...input, id, endsAt: input.endsAt + 1 })).id).toBe(id);
    const matchers = [{ name: "alertname", op: "=" as const, value: "Other" }];
    expect((await b.notifier.silence({ ...input, id, matchers })).id).not.toBe(id);
    expect(
      b.notifier
        .silences()
        .map((silence) => silence.state)
        .sort(),
    ).toEqual(["active", "expired"]);
  });

  it("are forgotten five days after their end", async () => {
    const b = keep(await freshBench());
    await b.notifier.silence({ ...input, endsAt: START + 60_000 });
    await b.clock.advance(4 * 86_400_000);
    expect(b.notifier.silences()).toHaveLength(1);
    await b.clock.advance(2 * 86_400_000);
    expect(b.notifier.silences()).toHaveLength(0);
  });

  it("acknowledging what does not fire is refused", async () => {
    const b = keep(await freshBench());
    await expect(b.notifier.acknowledge("0000", "anna", "")).rejects.toThrow(
      'no firing alert has the fingerprint "0000"',
    );
  });
});

describe("reload", () => {
  it("keeps what was told: a group whose route is gone is still resolved in its message", async () => {
    const b = keep(await freshBench());
    await b.tick(alert(SLOW, START));
    await b.run(3_000);
    const other = configText(b.fake, '  routes:\n  - matchers: [severity="warning"]\n    group_by: [instance]');
    await b.notifier.reload(configOf(other));
    await b.run(20_000);
    expect(b.fake.messages(CHAT)).toHaveLength(2);
    await b.tick(alert({ ...SLOW, state: "inactive", firedAt: START }, b.clock.now()));
    await b.run(20_000);
    expect(b.fake.messages(CHAT).map((message) => message.text.split(" ")[1])).toEqual(["RESOLVED", "RESOLVED"]);
    expect(b.notifier.groups()).toEqual([]);
  });

  it("a receiver that left takes its queue along, visibly", async () => {
    const b = keep(await freshBench());
    b.fake.fail("sendMessage", { kind: "drop-before" });
    await b.tick(alert(SLOW, START));
    await b.run(1_500, 500);
    await b.notifier.reload(configOf("route: {receiver: none}\nreceivers: [{name: none}]"));
    await b.run(5_000);
    const dead = (await b.deliveries()).find((record) => record.outcome === "dead");
    expect(dead?.reason).toBe("its receiver left the config");
    expect(b.notifier.idle()).toBe(true);
  });
});

describe("a message template", () => {
  const withMessage =
    (message: string, mode = "HTML") =>
    (fake: Bench["fake"]) =>
      configText(fake).replace(
        `chat_id: ${CHAT}`,
        `chat_id: ${CHAT}\n    parse_mode: "${mode}"\n    message: '${message}'`,
      );
  it("prints Alertmanager's data, escaped", async () => {
    const b = keep(
      await freshBench(
        withMessage("<b>{{ .Status | toUpper }}</b> {{ range .Alerts }}{{ .Annotations.summary }}{{ end }}"),
      ),
    );
    await b.tick(alert({ ...SLOW, annotations: { summary: "p95 > 2s & rising <fast>" } }, START));
    await b.run(3_000);
    expect(b.fake.messages(CHAT)[0]?.text).toBe("FIRING p95 > 2s & rising <fast>");
  });

  it.each([
    ["<br>{{ .Status }}", "can't parse entities", "Telegram refuses the tag: plain text in our own layout"],
    ["{{ .Nope.Nope }}", "the message template failed", "fails while rendering"],
    ["{{ nope }}", "the message template is wrong", "does not compile"],
    [`{{ range .Alerts }}${"x".repeat(5_000)}{{ end }}`, "the message template gave 5000 characters", "too long"],
  ])("%# that fails costs a warning, not the message", async (message, warning, why) => {
    const b = keep(await freshBench(withMessage(message)));
    await b.tick(alert(SLOW, START));
    await b.run(3_000);
    expect(b.fake.messages(CHAT)[0]?.text, why).toContain("🔥 FIRING Slow");
    expect(b.notifier.channels()[0]?.warnings.join(), why).toContain(warning);
    expect(b.fake.requests.length, why).toBeLessThanOrEqual(2);
  });
});

describe("a test message", () => {
  it("goes out at once and says what came of it", async () => {
    const b = keep(await freshBench());
    expect(await b.notifier.test("ops")).toEqual([{ integration: "telegram", outcome: "sent" }]);
    b.fake.chat(CHAT, { kicked: true });
    const [refused] = await b.notifier.test("ops");
    expect(refused?.outcome).toContain("dead: telegram 403: Forbidden");
    await expect(b.notifier.test("nobody")).rejects.toThrow('there is no receiver "nobody"');
  });
});
