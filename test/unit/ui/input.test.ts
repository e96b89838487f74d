/** What a terminal sends: reports taken out wherever the chunks break, keys left whole; and the line being edited. */
import { EventEmitter } from "node:events";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { Labels } from "../../../src/model/labels.ts";
import type { Alert, AlertState } from "../../../src/model/alert.ts";
import { completeWord, editText, inputOf, insertText, wordAt } from "../../../src/ui/edit.ts";
import type { TerminalIn } from "../../../src/ui/options.ts";
import { type MouseReport, splitInput } from "../../../src/ui/stdin.ts";
import type { TextInput } from "../../../src/ui/state.ts";
import { sortAlerts } from "../../../src/ui/survey.ts";

async function split(chunks: readonly string[]): Promise<{ text: string; mouse: MouseReport[]; focus: boolean[] }> {
  const stdin = Object.assign(new EventEmitter(), {
    isTTY: true,
    setEncoding: () => undefined,
    resume: () => undefined,
    pause: () => undefined,
  }) as unknown as TerminalIn & EventEmitter;
  const mouse: MouseReport[] = [];
  const focus: boolean[] = [];
  const clock = manualClock(0);
  const splitter = splitInput(stdin, clock, {
    onMouse: (report) => mouse.push(report),
    onFocus: (focused) => focus.push(focused),
    onEnd: () => undefined,
  });
  splitter.attach();
  for (const chunk of chunks) stdin.emit("data", chunk);
  await clock.advance(100);
  const text = splitter.stream.read() as Buffer | null;
  return { text: text?.toString() ?? "", mouse, focus };
}

/** Breaks `text` at the places given. */
function broken(text: string, places: readonly number[]): readonly string[] {
  const at = [...new Set(places.map((place) => place % (text.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...at].map((from, i) => text.slice(from, at[i] ?? text.length)).filter((part) => part !== "");
}

describe("reports", () => {
  const sent = "a\u001b[<0;12;3M\u001b[A\u001b[Ib\u001b[<65;1;1M\u001b[Oq";
  test("are taken out and keys left, however the chunks break", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(200), { maxLength: 6 }), async (places) => {
        // A chunk that ends in a bare ESC is a key to ink: such a break cannot be told from Escape.
        const chunks = broken(sent, places);
        fc.pre(!chunks.some((chunk) => chunk.endsWith("\u001b")));
        expect(await split(chunks)).toEqual({
          text: "a\u001b[Abq",
          mouse: [
            { kind: "press", x: 11, y: 2 },
            { kind: "wheel-down", x: 0, y: 0 },
          ],
          focus: [true, false],
        });
      }),
    );
  });

  test.each([
    { sent: "\u001b", text: "\u001b", why: "a lone Escape is a key" },
    { sent: "\u001b[", text: "\u001b[", why: "an unfinished report is given on after a moment" },
    { sent: "\u001b[<0;1", text: "\u001b[<0;1", why: "also a longer one" },
    { sent: "\u001b[<999999999;1;1M", text: "\u001b[<999999999;1;1M", why: "numbers no terminal sends are no report" },
    { sent: "\u001b[200~\u001b[", text: "\u001b[200~\u001b[", why: "a paste is left alone" },
  ])("$why", async ({ sent: data, text }) => {
    expect((await split([data])).text).toBe(text);
  });
});

describe("the edited line", () => {
  /** `|` is the caret. */
  const line = (text: string): TextInput => ({ text: text.replace("|", ""), caret: text.indexOf("|") });
  const shown = ({ text, caret }: TextInput): string => `${text.slice(0, caret)}|${text.slice(caret)}`;
  test.each([
    { from: "ab|c", key: "Left", to: "a|bc" },
    { from: "|abc", key: "Left", to: "|abc" },
    { from: "abc|", key: "Right", to: "abc|" },
    { from: "ab|c", key: "Home", to: "|abc" },
    { from: "ab|c", key: "C-e", to: "abc|" },
    { from: "ab|c", key: "Backspace", to: "a|c" },
    { from: "e\u0301|x", key: "Backspace", to: "|x" },
    { from: "👩‍🚀|", key: "Backspace", to: "|" },
    { from: "ab|c", key: "Delete", to: "ab|" },
    { from: "ab cd|ef", key: "C-u", to: "|ef" },
    { from: "ab cd|ef", key: "C-k", to: "ab cd|" },
    { from: "rate(redis_up|", key: "C-w", to: "rate(|" },
    { from: "rate(|", key: "C-w", to: "|" },
  ])("$key turns $from into $to", ({ from, key, to }) => {
    const edited = editText(line(from), key);
    expect(edited === undefined ? undefined : shown(edited)).toBe(to);
  });

  test("completes the word under the caret and keeps the rest", () => {
    expect(wordAt(line("sum(re|)"))).toEqual({ start: 4, word: "re" });
    expect(shown(completeWord(line("sum(re|)"), "redis_up"))).toBe("sum(redis_up|)");
  });

  test("never grows beyond its limit", () => {
    expect(insertText(inputOf("x".repeat(4_000)), "y".repeat(500)).text).toHaveLength(4_096);
  });
});

test("alerts stand in the order in which they need a person", () => {
  const alert = (name: string, state: AlertState, severity: string, firedAt: number): Alert => ({
    labels: Labels.from({ alertname: name, severity }),
    annotations: Labels.EMPTY,
    state,
    value: 1,
    activeAt: firedAt,
    firedAt: state === "firing" ? firedAt : undefined,
    resolvedAt: state === "inactive" ? firedAt : undefined,
    lastEvalAt: 0,
    rule: { group: "g", file: "f", name, expr: "x" },
    generatorUrl: "",
  });
  const sorted = sortAlerts([
    alert("resolved", "inactive", "critical", 9),
    {
      ...alert("acked critical", "firing", "critical", 10),
      suppressed: { by: "ack", who: "kim", until: undefined, comment: "" },
    },
    alert("pending", "pending", "critical", 8),
    alert("old critical", "firing", "page", 1),
    alert("no data", "nodata", "critical", 7),
    alert("warning", "firing", "warning", 6),
    alert("failed", "error", "warning", 5),
    alert("new critical", "firing", "critical", 4),
  ]);
  expect(sorted.map((one) => one.labels.get("alertname"))).toEqual([
    "new critical",
    "old critical",
    "warning",
    "failed",
    "no data",
    "pending",
    "acked critical",
    "resolved",
  ]);
});
