import { afterEach, describe, expect, it } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { memoryState } from "../../../src/state/memory.ts";
import { startFakeTelegram } from "../../support/fake-telegram.ts";
import { type Bench, CHAT, START, alert, configOf, configText, freshBench, startBench } from "../../support/notify.ts";

const open: Bench[] = [];
async function bench(...args: Parameters<typeof freshBench>): Promise<Bench> {
  const made = await freshBench(...args);
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const one of open.splice(0)) {
    await one.notifier.close();
    await one.fake.close();
  }
});

const API_DOWN = { labels: { alertname: "ApiDown", severity: "critical", job: "api", instance: "a:80" } };

describe("one alert, from firing to resolved", () => {
  it("is one message: sent after group_wait, edited on resolve", async () => {
    const b = await bench();
    await b.tick(alert({ ...API_DOWN, annotations: { summary: "api <a:80> & friends are down" } }, START));
    await b.run(900, 300);
    expect(b.fake.messages(CHAT)).toHaveLength(0);
    await b.run(1_000, 250);
    const [firing] = b.fake.messages(CHAT);
    expect(firing?.text).toContain("🔥 FIRING ApiDown · critical");
    expect(firing?.text).toContain("api <a:80> & friends are down");
    expect(firing?.buttons.map((button) => button.text)).toEqual(["👤 Ack", "🔕 Silence 1h"]);
    await b.run(60_000, 5_000);
    await b.tick(alert({ ...API_DOWN, state: "inactive", firedAt: START }, b.clock.now()));
    await b.run(12_000);
    const messages = b.fake.messages(CHAT);
    expect(messages).toHaveLength(1);
    expect(messages[0]?.text).toContain("✅ RESOLVED ApiDown");
    expect(messages[0]?.earlier).toHaveLength(1);
    expect(messages[0]?.buttons).toEqual([]);
    expect(b.fake.requests.map((request) => request.method)).toEqual(["sendMessage", "editMessageText"]);
    expect(b.notifier.alerts()).toEqual([]);
    const outcomes = (await b.deliveries()).map((record) => record.outcome);
    expect(outcomes).toEqual(["grouped", "sent", "sent"]);
  });

  it("says nothing about an alert that came and went within group_wait", async () => {
    const b = await bench();
    await b.tick(alert(API_DOWN, START));
    await b.tick(alert({ ...API_DOWN, state: "inactive" }, START));
    await b.run(30_000, 5_000);
    expect(b.fake.requests).toHaveLength(0);
    expect(b.notifier.alerts()).toEqual([]);
  });

  it("never reads no data or a failing rule as resolved", async () => {
    const b = await bench();
    await b.tick(alert(API_DOWN, START));
    await b.run(2_000);
    await b.tick(alert({ ...API_DOWN, state: "nodata", firedAt: START }, b.clock.now()));
    await b.run(12_000);
    const [message] = b.fake.messages(CHAT);
    expect(message?.text).toContain("🔥 FIRING");
    expect(message?.text).toContain("no fresh data");
    await b.tick(alert({ ...API_DOWN, state: "inactive", firedAt: START }, b.clock.now()));
    await b.run(12_000);
    expect(b.fake.messages(CHAT)[0]?.text).toContain("✅ RESOLVED");
  });

  it("starts a new message when a resolved alert fires again", async () => {
    const b = await bench();
    for (const state of ["firing", "inactive", "firing"] as const) {
      await b.tick(alert({ ...API_DOWN, state }, b.clock.now()));
      await b.run(15_000, 5_000);
    }
    expect(b.fake.messages(CHAT).map((message) => message.text.split(" ")[1])).toEqual(["RESOLVED", "FIRING"]);
  });

  it("repeats with a new message that takes over from the old one", async () => {
    const b = await bench((fake) => configText(fake).replace("repeat_interval: 4h", "repeat_interval: 1m"));
    await b.tick(alert(API_DOWN, START));
    await b.run(75_000, 5_000);
    const [old, fresh] = b.fake.messages(CHAT);
    expect(old?.text).toContain("goes on in a newer message");
    expect(fresh?.text).toContain("🔥 FIRING ApiDown");
    expect(fresh?.replyTo).toBe(old?.messageId);
  });
});

describe("what is not told has its reason in the journal", () => {
  const quiet = `
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity="warning"]
  equal: [instance]
`;
  it("inhibited: told when the source is gone", async () => {
    const b = await bench((fake) => configText(fake, "", quiet));
    const slow = { labels: { alertname: "ApiSlow", severity: "warning", instance: "a:80" } };
    await b.tick(alert(API_DOWN, START), alert(slow, START));
    await b.run(5_000);
    expect(b.fake.messages(CHAT).map((message) => message.text.split("\n")[0])).toEqual([
      "🔥 FIRING ApiDown · critical",
    ]);
    const inhibited = (await b.deliveries()).find((record) => record.outcome === "inhibited");
    expect(inhibited?.reason).toBe("inhibited by ApiDown");
    await b.tick(alert({ ...API_DOWN, state: "inactive" }, b.clock.now()));
    await b.run(25_000, 5_000);
    expect(b.fake.messages(CHAT).at(-1)?.text).toContain("ApiSlow");
  });

  it("silenced: nothing is sent, and when the silence ends the alert is told", async () => {
    const b = await bench();
    await b.notifier.silence({
      matchers: [{ name: "job", op: "=~", value: "ap.*" }],
      startsAt: START,
      endsAt: START + 60_000,
      createdBy: "anna",
      comment: "deploy",
    });
    await b.tick(alert(API_DOWN, START));
    await b.run(30_000, 5_000);
    expect(b.fake.requests).toHaveLength(0);
    expect(b.notifier.alerts()[0]).toMatchObject({ state: "suppressed", silencedBy: ["silence-1"] });
    const records = (await b.deliveries()).filter((record) => record.outcome === "silenced");
    expect(records.map((record) => record.reason)).toEqual(["silenced by anna until 09:01 UTC"]);
    await b.run(45_000, 5_000);
    expect(b.fake.messages(CHAT)).toHaveLength(1);
  });

  it("a message told before a silence is still resolved", async () => {
    const b = await bench();
    await b.tick(alert(API_DOWN, START));
    await b.run(3_000);
    const matchers = [{ name: "alertname", op: "=" as const, value: "ApiDown" }];
    const { id } = await b.notifier.silence({
      matchers,
      startsAt: b.clock.now(),
      endsAt: START + 3_600_000,
      createdBy: "bob",
      comment: "x",
    });
    await b.run(3_000);
    expect(b.fake.messages(CHAT)[0]?.text).toContain("silenced by bob until 10:00 UTC");
    await b.tick(alert({ ...API_DOWN, state: "inactive" }, b.clock.now()));
    await b.run(15_000);
    expect(b.fake.messages(CHAT)[0]?.text).toContain("✅ RESOLVED");
    await b.notifier.expireSilence(id);
    expect(b.notifier.silences()[0]?.state).toBe("expired");
  });

  it("muted by a time interval: told at its end", async () => {
    const route = `
  routes:
  - matchers: [job="api"]
    mute_time_intervals: [morning]
`;
    const intervals = `
time_intervals:
- name: morning
  time_intervals: [{times: [{start_time: "08:00", end_time: "09:01"}]}]
`;
    const b = await bench((fake) => configText(fake, route, intervals));
    await b.tick(alert(API_DOWN, START));
    await b.run(50_000, 5_000);
    expect(b.fake.requests).toHaveLength(0);
    expect((await b.deliveries()).map((record) => record.reason)).toContain("muted by time interval: morning");
    await b.run(20_000, 5_000);
    expect(b.fake.messages(CHAT)).toHaveLength(1);
  });
});

describe("buttons", () => {
  it("an allowed user acknowledges: the message says who, the alert stays quiet, the resolve comes", async () => {
    const b = await bench();
    await b.tick(alert(API_DOWN, START));
    await b.run(3_000);
    const [message] = b.fake.messages(CHAT);
    if (message === undefined) throw new Error("no message");
    expect(await b.fake.press(message, 0, { id: 7, name: "anna" })).toBe("Acknowledged by @anna.");
    await b.run(3_000);
    expect(b.fake.messages(CHAT)[0]?.text).toContain("👤 ACKNOWLEDGED by @anna ApiDown");
    // Past the acknowledgement's own 15 minutes: it is prolonged while the alert fires.
    await b.run(40 * 60_000, 60_000);
    expect(b.fake.messages(CHAT)).toHaveLength(1);
    expect(b.notifier.alerts()[0]?.state).toBe("suppressed");
    await b.tick(alert({ ...API_DOWN, state: "inactive" }, b.clock.now()));
    await b.run(15_000);
    expect(b.fake.messages(CHAT)[0]?.text).toContain("✅ RESOLVED");
    expect(await b.fake.press(message, 0, { id: 7, name: "anna" })).toBe("This alert is over.");
  });

  it("nobody else may", async () => {
    const b = await bench();
    await b.tick(alert(API_DOWN, START));
    await b.run(3_000);
    const [message] = b.fake.messages(CHAT);
    if (message === undefined) throw new Error("no message");
    expect(await b.fake.press(message, 1, { id: 8, name: "eve" })).toContain("not on the list");
    expect(b.notifier.silences()).toEqual([]);
  });

  it("another program polling the bot turns buttons off, not messages", async () => {
    const b = await bench();
    await b.run(1_000);
    await fetch(`${b.fake.url}/bot${b.fake.token}/getUpdates`, { method: "POST" });
    await b.tick(alert(API_DOWN, START));
    await b.run(3_000);
    expect(b.fake.messages(CHAT)).toHaveLength(1);
    expect(b.notifier.channels()[0]).toMatchObject({
      buttons: "off",
      warnings: ["buttons are off: another program polls this bot for updates"],
    });
  });
});

describe("state", () => {
  it("a restart between firing and resolve sends nothing new and edits the old message", async () => {
    const clock = manualClock(START);
    const fake = await startFakeTelegram({ now: () => clock.now(), chats: [{ id: CHAT }] });
    const state = memoryState();
    const config = configOf(configText(fake));
    const first = await startBench({ fake, clock, state, config });
    await first.tick(alert(API_DOWN, START));
    await first.run(3_000);
    await first.notifier.close();
    await clock.advance(60_000);
    const second = await startBench({ fake, clock, state, config });
    open.push(second);
    await second.tick(alert({ ...API_DOWN, firedAt: START }, clock.now()));
    await second.run(30_000, 5_000);
    expect(fake.requests).toHaveLength(1);
    await second.tick(alert({ ...API_DOWN, state: "inactive", firedAt: START }, clock.now()));
    await second.run(15_000);
    expect(fake.messages(CHAT)).toHaveLength(1);
    expect(fake.messages(CHAT)[0]?.text).toContain("✅ RESOLVED");
    const left: string[] = [];
    for await (const [key] of state.scan({ gte: "notify/", lt: "notify0" })) left.push(key.split("/")[1] as string);
    expect(left).toEqual(["channel"]);
  });
});
