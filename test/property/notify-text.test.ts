import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Delivery, NotifiedAlert } from "../../src/notify/receiver.ts";
import { common } from "../../src/notify/group.ts";
import { chatMessage } from "../../src/notify/receivers/chat-message.ts";
import { printHtml, printPlain } from "../../src/notify/receivers/chat-text.ts";
import { TEXT_MAX, readText } from "../support/fake-telegram-text.ts";

/** What exporters and people put into labels to break markup, screens and limits. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ maxLength: 3_000 }),
  fc.constantFrom(
    "<b>",
    "</i>",
    "&lt;",
    "&#x110000;",
    "&",
    "a\u0000b",
    "\u202Eevil",
    "\ud800",
    "🔥".repeat(300),
    "<a href='x'>",
    "\r\n\t",
    "x".repeat(5_000),
  ),
);
const labels = fc.dictionary(fc.constantFrom("alertname", "severity", "instance", "job", "path", "x"), hostile, {
  maxKeys: 6,
});
const at = Date.UTC(2026, 10, 20);

const alerts = fc.array(
  fc.record({
    labels,
    annotations: fc.dictionary(fc.constantFrom("summary", "description", "runbook_url"), hostile, { maxKeys: 3 }),
    firing: fc.boolean(),
    value: fc.oneof(fc.constant(null), fc.double({ noNaN: true, noDefaultInfinity: true })),
    quiet: fc.option(hostile, { nil: undefined }),
  }),
  { minLength: 1, maxLength: 60 },
);

const delivery = fc
  .record({ alerts, author: hostile, insteadOf: hostile, repeat: fc.boolean() })
  .map((input): Delivery => {
    const all = input.alerts.map(
      (one, i): NotifiedAlert => ({
        fingerprint: String(i),
        status: one.firing ? "firing" : "resolved",
        labels: one.labels,
        annotations: one.annotations,
        startsAt: at - 60_000,
        endsAt: one.firing ? undefined : at,
        value: one.value,
        generatorUrl: "http://127.0.0.1:9090/graph?g0.expr=up",
        unknown: undefined,
        quiet: one.quiet,
      }),
    );
    const firing = all.filter((one) => one.status === "firing").length;
    return {
      intent: "i",
      attempt: 1,
      notification: {
        receiver: "r",
        groupKey: "{}",
        status: firing === 0 ? "resolved" : "firing",
        groupLabels: {},
        commonLabels: common(all.map((one) => one.labels)),
        commonAnnotations: common(all.map((one) => one.annotations)),
        externalUrl: "",
        alerts: all,
        firing,
        resolved: all.length - firing,
        truncated: 0,
        digest: undefined,
        acknowledgedBy: input.author,
        insteadOf: input.insteadOf,
      },
      edit: undefined,
      replaces: undefined,
      maybeRepeat: input.repeat,
      button: "",
      at,
    };
  });

describe("any alert becomes a message that Telegram takes", () => {
  it("as HTML and as plain text: it parses, it fits, it hides nothing", () => {
    fc.assert(
      fc.property(delivery, (one) => {
        const lines = chatMessage(one, TEXT_MAX);
        const html = readText(printHtml(lines), "HTML", TEXT_MAX, "message");
        const plain = readText(printPlain(lines), "", TEXT_MAX * 2, "message");
        for (const text of [html.text, plain.text]) {
          expect(text.isWellFormed()).toBe(true);
          expect(/(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text)).toBe(false);
        }
        expect(html.text.startsWith("✅") || html.text.startsWith("🔥")).toBe(true);
      }),
      { numRuns: 1_500 },
    );
  });
});
