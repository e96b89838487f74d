import { type IncomingMessage, createServer } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Bench, CHAT, START, alert, configText, freshBench } from "../../support/notify.ts";
import type { FakeTelegram, Fault } from "../../support/fake-telegram.ts";

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

const DISK = { labels: { alertname: "DiskFull", severity: "warning", instance: "db:9100" } };

/** A second chat that takes over when the first refuses. */
const SPARE = -1002;
function withSpare(fake: FakeTelegram): string {
  return configText(
    fake,
    "",
    `- name: spare
  telegram_configs:
  - {api_url: ${fake.url}, bot_token: ${fake.token}, chat_id: ${SPARE}}
`,
  );
}

describe("a failed attempt", () => {
  const transient: readonly { readonly fault: Fault; readonly repeat: boolean; readonly why: string }[] = [
    { fault: { kind: "status", status: 500 }, repeat: true, why: "a server error may come after the work was done" },
    { fault: { kind: "bad-gateway" }, repeat: true, why: "a gateway does not know what its server did" },
    { fault: { kind: "drop-after" }, repeat: true, why: "carried out, answer lost: the one unavoidable duplicate" },
    { fault: { kind: "drop-before" }, repeat: true, why: "not carried out, but nobody can tell" },
    { fault: { kind: "rate", retryAfter: 2 }, repeat: false, why: "429 says that it was not carried out" },
  ];
  it.each(transient)("$fault.kind is tried again, marked: $repeat ($why)", async ({ fault, repeat }) => {
    const b = await bench();
    b.fake.fail("sendMessage", fault);
    await b.tick(alert(DISK, START));
    await b.run(10_000);
    const sent = b.fake.messages(CHAT);
    expect(sent).toHaveLength(fault.kind === "drop-after" ? 2 : 1);
    expect(sent.at(-1)?.text.includes("(repeat?)")).toBe(repeat);
    expect(sent[0]?.text.includes("(repeat?)")).toBe(repeat && fault.kind !== "drop-after");
    const outcomes = (await b.deliveries()).map((record) => record.outcome);
    expect(outcomes).toEqual(["grouped", "retry", "sent"]);
  });

  it("429 is obeyed by the whole chat and over a restart of the lane", async () => {
    const b = await bench();
    b.fake.fail("sendMessage", { kind: "rate", retryAfter: 40 });
    await b.tick(alert(DISK, START));
    await b.run(5_000);
    await b.tick(alert({ labels: { alertname: "Other", severity: "critical" } }, b.clock.now()));
    await b.run(30_000, 1_000);
    expect(b.fake.requests).toHaveLength(1);
    expect(b.notifier.channels()[0]?.pausedUntil).toBeGreaterThan(b.clock.now());
    await b.run(15_000);
    expect(b.fake.messages(CHAT)).toHaveLength(2);
    expect(b.fake.requests.filter((request) => request.status === 429)).toHaveLength(1);
  });

  it("an outage of an hour ends in one message with the newest state", async () => {
    const b = await bench();
    b.fake.fail("sendMessage", ...Array.from({ length: 200 }, (): Fault => ({ kind: "drop-before" })));
    await b.tick(alert(DISK, START));
    await b.run(30 * 60_000, 30_000);
    const tries = b.fake.requests.length;
    expect(tries).toBeGreaterThan(8);
    expect(tries).toBeLessThan(40);
    await b.tick(alert({ labels: { ...DISK.labels, instance: "web:9100" } }, b.clock.now()));
    await b.run(30 * 60_000, 30_000);
    b.fake.clearFaults();
    await b.run(10 * 60_000, 30_000);
    const messages = b.fake.messages(CHAT);
    expect(messages).toHaveLength(1);
    expect(messages[0]?.text).toContain("web:9100");
    expect(messages[0]?.text).toContain("db:9100");
  });

  it("a fired and resolved alert of an outage is still told, once, as resolved", async () => {
    const b = await bench();
    b.fake.fail("*", ...Array.from({ length: 50 }, (): Fault => ({ kind: "drop-before" })));
    await b.tick(alert(DISK, START));
    await b.run(60_000, 5_000);
    await b.tick(alert({ ...DISK, state: "inactive", firedAt: START }, b.clock.now()));
    await b.run(60_000, 5_000);
    b.fake.clearFaults();
    await b.run(6 * 60_000, 10_000);
    expect(b.fake.messages(CHAT).map((message) => message.text.split(" ")[1])).toEqual(["RESOLVED"]);
  });
});

describe("a refusal", () => {
  it("of the markup goes out as plain text, with two requests and a warning", async () => {
    const b = await bench();
    b.fake.fail("sendMessage", {
      kind: "status",
      status: 400,
      description: "can't parse entities: Unsupported start tag",
    });
    await b.tick(alert({ ...DISK, annotations: { summary: "5 < 6 & 7 > 2" } }, START));
    await b.run(5_000);
    expect(b.fake.requests).toHaveLength(2);
    expect(b.fake.requests[1]?.body["parse_mode"]).toBeUndefined();
    expect(b.fake.messages(CHAT)[0]?.text).toContain("5 < 6 & 7 > 2");
    expect(b.notifier.channels()[0]?.warnings[0]).toContain("sent as plain text");
  });

  it("for good costs one request, is journalled, and another receiver is told with the reason", async () => {
    const b = await bench(withSpare, { chats: [{ id: CHAT, kicked: true }, { id: SPARE }] });
    await b.tick(alert(DISK, START));
    await b.run(5_000);
    expect(b.fake.requests.map((request) => request.status)).toEqual([403, 200]);
    const [message] = b.fake.messages(SPARE);
    expect(message?.text).toContain("instead of ops: telegram 403: Forbidden: bot was kicked from the supergroup chat");
    const dead = (await b.deliveries()).find((record) => record.outcome === "dead");
    expect(dead).toMatchObject({ receiver: "ops", integration: "telegram", attempt: 1 });
    await b.tick(alert({ ...DISK, state: "inactive", firedAt: START }, b.clock.now()));
    await b.run(15_000);
    expect(b.fake.messages(SPARE)).toHaveLength(1);
    expect(b.fake.messages(SPARE)[0]?.text).toContain("✅ RESOLVED");
  });

  it("without any other receiver stays visible", async () => {
    const b = await bench(configText, { chats: [] });
    await b.tick(alert(DISK, START));
    await b.run(30_000, 5_000);
    expect(b.fake.requests.map((request) => request.description)).toEqual(["Bad Request: chat not found"]);
    expect(b.notifier.channels()[0]?.lastError).toBe("telegram 400: Bad Request: chat not found");
    expect((await b.deliveries()).at(-1)).toMatchObject({ outcome: "dead" });
  });

  it("because the group moved is followed, remembered and reported", async () => {
    const b = await bench(configText, { chats: [{ id: CHAT, migratedTo: -1009 }, { id: -1009 }] });
    await b.tick(alert(DISK, START));
    await b.run(5_000);
    await b.tick(alert({ ...DISK, state: "inactive", firedAt: START }, b.clock.now()));
    await b.run(15_000);
    expect(b.fake.messages(-1009).map((message) => message.text.split(" ")[1])).toEqual(["RESOLVED"]);
    expect(b.fake.requests.filter((request) => request.body["chat_id"] === CHAT)).toHaveLength(1);
    expect(b.notifier.channels()[0]?.warnings).toEqual([
      "the chat moved to -1009: change chat_id in the configuration",
    ]);
  });

  it("because the topic is gone goes to the chat itself", async () => {
    const b = await bench((fake) =>
      configText(fake).replace(`chat_id: ${CHAT}`, `chat_id: ${CHAT}\n    message_thread_id: 5`),
    );
    await b.tick(alert(DISK, START));
    await b.run(5_000);
    expect(b.fake.messages(CHAT)[0]?.thread).toBeUndefined();
    expect(b.notifier.channels()[0]?.warnings[0]).toContain("topic 5 is gone");
  });

  it("to edit a deleted message sends a new one", async () => {
    const b = await bench();
    await b.tick(alert(DISK, START));
    await b.run(5_000);
    const { messageId } = b.fake.messages(CHAT)[0] as { messageId: number };
    const body = JSON.stringify({ chat_id: CHAT, message_id: messageId });
    const headers = { "content-type": "application/json" };
    await fetch(`${b.fake.url}/bot${b.fake.token}/deleteMessage`, { method: "POST", headers, body });
    await b.tick(alert({ ...DISK, state: "inactive", firedAt: START }, b.clock.now()));
    await b.run(15_000);
    expect(b.fake.messages(CHAT).map((message) => message.text.split(" ")[1])).toEqual(["RESOLVED"]);
  });

  it("of the token never shows it", async () => {
    const b = await bench((fake) => configText(fake).replace(fake.token, "999:wrong-secret"));
    await b.tick(alert(DISK, START));
    await b.run(5_000);
    const told = JSON.stringify([await b.deliveries(), b.notifier.channels()]);
    expect(told).toContain("telegram 401: Unauthorized");
    expect(told).not.toContain("wrong-secret");
  });
});

describe("a storm", () => {
  const many = (count: number, at: number) =>
    Array.from({ length: count }, (_, i) =>
      alert(
        { labels: { alertname: `Alert${i % 40}`, severity: i % 10 === 0 ? "critical" : "warning", instance: `h${i}` } },
        at,
      ),
    );
  const perInstance = (fake: FakeTelegram): string =>
    configText(fake).replace("group_by: [alertname]", "group_by: ['...']");

  it.each([1_000, 3_000])("of %i alerts at once is at most 3 messages a minute and no 429", async (count) => {
    const b = await bench(perInstance);
    await b.tick(...many(count, START));
    await b.run(60_000, 2_000);
    const messages = b.fake.messages(CHAT);
    expect(messages.length).toBeLessThanOrEqual(3);
    expect(b.fake.requests.filter((request) => request.status === 429)).toEqual([]);
    expect(messages[0]?.text).toContain(`storm: ${count} alerts in ${count} groups`);
    expect((await b.deliveries()).filter((record) => record.outcome === "grouped").length).toBeGreaterThanOrEqual(
      count,
    );
    await b.tick(
      ...many(count, START).map((one) => alert({ labels: one.labels.toJSON(), state: "inactive" }, b.clock.now())),
    );
    await b.run(60_000, 2_000);
    expect(b.fake.messages(CHAT).map((message) => message.text.split("\n")[0])).toEqual([
      `✅ storm over: ${count} groups`,
    ]);
    expect(b.notifier.idle()).toBe(true);
  });

  it("that arrives over a minute is at most 3 messages in any minute", async () => {
    const b = await bench(perInstance);
    const all = many(1_000, START);
    for (let i = 0; i < 60; i++) {
      await b.tick(...all.slice(i * 17, i * 17 + 17));
      await b.run(1_000);
    }
    await b.run(60_000, 2_000);
    const sent = b.fake.messages(CHAT).map((message) => message.sentAt);
    const inMinute = sent.map((at) => sent.filter((other) => other >= at && other < at + 60_000).length);
    expect(Math.max(...inMinute)).toBeLessThanOrEqual(3);
    expect(b.fake.requests.filter((request) => request.status === 429)).toEqual([]);
  });

  it("in one group is one message that says how many it left out", async () => {
    const b = await bench((fake) => configText(fake).replace("group_by: [alertname]", "group_by: []"));
    await b.tick(...many(1_000, START));
    await b.run(10_000);
    const [message, ...rest] = b.fake.messages(CHAT);
    expect(rest).toEqual([]);
    expect(message?.text).toContain("1000 firing");
    expect(message?.text).toMatch(/… and 9\d\d more/);
    expect(Array.from(message?.text ?? "").length).toBeLessThanOrEqual(4_096);
  });
});

describe("a proxy", () => {
  it("carries every request, and its absence is a failure with its reason", async () => {
    const tunnels: string[] = [];
    const proxy = createServer().on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      tunnels.push(request.url ?? "");
      const [host, port] = (request.url ?? "").split(":");
      const upstream = connect(Number(port), host ?? "", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.write(head);
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on("error", () => socket.destroy());
      socket.on("error", () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as AddressInfo;
    const through = (at: number) => (fake: FakeTelegram) =>
      configText(fake).replace(
        `chat_id: ${CHAT}`,
        `chat_id: ${CHAT}\n    http_config: {proxy_url: "http://127.0.0.1:${at}"}`,
      );
    const b = await bench(through(port));
    await b.tick(alert(DISK, START));
    await b.run(5_000);
    expect(b.fake.messages(CHAT)).toHaveLength(1);
    expect(tunnels).toContain(new URL(b.fake.url).host);
    await b.notifier.close();
    proxy.closeAllConnections();
    await new Promise<void>((resolve) => proxy.close(() => resolve()));
    const gone = await bench(through(port));
    await gone.tick(alert(DISK, START));
    await gone.run(5_000);
    expect(gone.fake.messages(CHAT)).toHaveLength(0);
    expect(gone.notifier.channels()[0]?.lastError).toBe("telegram: connection refused");
  });
});
