/** Whatever the chat's server does for a while, in the end every chat message says what is true. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Fault } from "../support/fake-telegram.ts";
import { CHAT, START, alert, configText, freshBench } from "../support/notify.ts";

const NAMES = ["ApiDown", "DbDown"] as const;

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constantFrom<Fault>(
    { kind: "drop-after" },
    { kind: "drop-before" },
    { kind: "bad-gateway" },
    { kind: "status", status: 500 },
    { kind: "status", status: 400, description: "can't parse entities: Unsupported start tag" },
  ),
  fc.integer({ min: 1, max: 90 }).map((retryAfter): Fault => ({ kind: "rate", retryAfter })),
);
const step = fc.oneof(
  fc.record({ kind: fc.constant("fire" as const), name: fc.constantFrom(...NAMES), host: fc.constantFrom("a", "b") }),
  fc.record({
    kind: fc.constant("resolve" as const),
    name: fc.constantFrom(...NAMES),
    host: fc.constantFrom("a", "b"),
  }),
  fc.record({ kind: fc.constant("fault" as const), fault }),
  fc.record({ kind: fc.constant("wait" as const), seconds: fc.integer({ min: 1, max: 60 }) }),
);

describe("random alerts and random faults", () => {
  it("end in messages that are true, with no more copies than lost answers", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const b = await freshBench((fake) => configText(fake).replace("group_interval: 10s", "group_interval: 20s"));
        const firing = new Map<string, Set<string>>(NAMES.map((name) => [name, new Set()]));
        let ambiguous = 0;
        for (const one of steps) {
          if (one.kind === "wait") await b.run(one.seconds * 1_000, 10_000);
          else if (one.kind === "fault") {
            b.fake.fail("*", one.fault);
            if (one.fault.kind === "drop-after") ambiguous++;
          } else {
            const hosts = firing.get(one.name) as Set<string>;
            if (one.kind === "fire") hosts.add(one.host);
            else hosts.delete(one.host);
            const labels = { alertname: one.name, host: one.host };
            const state = one.kind === "fire" ? "firing" : "inactive";
            await b.tick(alert({ labels, state, firedAt: START }, b.clock.now()));
          }
        }
        b.fake.clearFaults();
        await b.run(12 * 60_000, 20_000);
        const messages = b.fake.messages(CHAT);
        let copies = 0;
        for (const name of NAMES) {
          const own = messages.filter((message) => message.text.includes(name));
          const hosts = [...(firing.get(name) as Set<string>)];
          const last = own.at(-1)?.text ?? "";
          if (hosts.length > 0) expect(last).toContain("🔥 FIRING");
          else if (own.length > 0) expect(last).toContain("✅ RESOLVED");
          for (const host of hosts) expect(last).toContain(`host=${host}`);
          copies += own.slice(0, -1).filter((message) => !message.text.includes("✅ RESOLVED")).length;
        }
        expect(copies).toBeLessThanOrEqual(ambiguous);
        expect(b.notifier.channels()[0]?.queued).toBe(0);
        await b.notifier.close();
        await b.fake.close();
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});
