/** The fake is only worth its strictness: each rule of the real server that it keeps has a row here. */
import { Api, GrammyError } from "grammy";
import { afterEach, describe, expect, it } from "vitest";
import { type FakeTelegram, startFakeTelegram } from "../../support/fake-telegram.ts";
import { parseHtml } from "../../support/fake-telegram-text.ts";

let fake: FakeTelegram | undefined;
afterEach(async () => fake?.close());

const CHAT = -5;
async function start(options: Parameters<typeof startFakeTelegram>[0] = {}): Promise<{ fake: FakeTelegram; api: Api }> {
  fake = await startFakeTelegram({ chats: [{ id: CHAT, topics: [3] }], perSecond: 100, ...options });
  return { fake, api: new Api(fake.token, { apiRoot: fake.url }) };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "accepted";
  } catch (error) {
    return error instanceof GrammyError ? `${error.error_code} ${error.description}` : String(error);
  }
}

describe("HTML", () => {
  it.each([
    ["<b>a</b> &lt;&amp;&quot;&#128293;", 'a <&"🔥'],
    ["a & b &x; &lt", "a & b &x; <"],
    ['<a href="http://x/?a=1&amp;b=2">x</a>', "x"],
    ["<b><i>a</i></b>", "a"],
  ])("%s reads %s", (html, text) => {
    expect(parseHtml(html).text).toBe(text);
  });
  it.each([
    ["a<br>b", 'Unsupported start tag "br" at byte offset 1'],
    ["é<p>", 'Unsupported start tag "p" at byte offset 2'],
    ["5 < 6", 'Unsupported start tag "" at byte offset 2'],
    ["<b>a", 'Can\'t find end tag corresponding to start tag "b"'],
    ["<b>a</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'],
    ["a</b>", "Unexpected end tag at byte offset 1"],
    ["<b", "Unclosed start tag at byte offset 0"],
    ["<b>x</b ", "Unclosed end tag at byte offset 4"],
  ])("%s is refused: %s", (html, error) => {
    expect(() => parseHtml(html)).toThrow(`can't parse entities: ${error}`);
  });
});

describe("refusals", () => {
  const button = (data: string) => ({ reply_markup: { inline_keyboard: [[{ text: "x", callback_data: data }]] } });
  it.each([
    ["empty text", (api: Api) => api.sendMessage(CHAT, " "), "400 Bad Request: message text is empty"],
    ["4,096 code points", (api: Api) => api.sendMessage(CHAT, "🔥".repeat(4_096)), "accepted"],
    ["4,097", (api: Api) => api.sendMessage(CHAT, "🔥".repeat(4_097)), "400 Bad Request: message is too long"],
    ["4,000 entities", (api: Api) => api.sendMessage(CHAT, "&lt;".repeat(4_000), { parse_mode: "HTML" }), "accepted"],
    [
      "32 KiB raw",
      (api: Api) => api.sendMessage(CHAT, "&amp;".repeat(7_000), { parse_mode: "HTML" }),
      "400 Bad Request: Text is too long",
    ],
    ["no such chat", (api: Api) => api.sendMessage(-6, "x"), "400 Bad Request: chat not found"],
    [
      "no such topic",
      (api: Api) => api.sendMessage(CHAT, "x", { message_thread_id: 4 }),
      "400 Bad Request: message thread not found",
    ],
    ["a topic", (api: Api) => api.sendMessage(CHAT, "x", { message_thread_id: 3 }), "accepted"],
    ["64 bytes of data", (api: Api) => api.sendMessage(CHAT, "x", button("d".repeat(64))), "accepted"],
    [
      "65 bytes",
      (api: Api) => api.sendMessage(CHAT, "x", button("é".repeat(33))),
      "400 Bad Request: BUTTON_DATA_INVALID",
    ],
    [
      "an edit of nothing",
      (api: Api) => api.editMessageText(CHAT, 9, "x"),
      "400 Bad Request: message to edit not found",
    ],
    [
      "an answer to nobody",
      (api: Api) => api.answerCallbackQuery("1"),
      "400 Bad Request: query is too old and response timeout expired or query ID is invalid",
    ],
  ])("%s", async (_name, work, expected) => {
    const { api } = await start();
    expect(await refusal(work(api))).toBe(expected);
  });

  it("the same text again is not an edit", async () => {
    const { api } = await start();
    const { message_id: id } = await api.sendMessage(CHAT, "x");
    expect(await refusal(api.editMessageText(CHAT, id, "x"))).toContain("400 Bad Request: message is not modified");
    expect(await refusal(api.editMessageText(CHAT, id, "y"))).toBe("accepted");
  });

  it("a wrong token", async () => {
    const { fake: running } = await start();
    expect(await refusal(new Api("1:no", { apiRoot: running.url }).sendMessage(CHAT, "x"))).toBe("401 Unauthorized");
  });

  it("more than 20 a minute in a group, and the wait is right", async () => {
    let now = 1_000_000;
    const { api } = await start({ now: () => now });
    for (let i = 0; i < 20; i++) await api.sendMessage(CHAT, String(i));
    now += 20_000;
    expect(await refusal(api.sendMessage(CHAT, "x"))).toBe("429 Too Many Requests: retry after 40");
    now += 40_001;
    expect(await refusal(api.sendMessage(CHAT, "x"))).toBe("accepted");
  });
});

describe("updates", () => {
  it("stay until confirmed by the next offset", async () => {
    const { fake: running, api } = await start();
    await api.sendMessage(CHAT, "x", { reply_markup: { inline_keyboard: [[{ text: "x", callback_data: "d" }]] } });
    const [message] = running.messages(CHAT);
    if (message === undefined) throw new Error("no message");
    const answered = running.press(message, 0, { id: 7, name: "anna" });
    const [first] = await api.getUpdates();
    expect(first?.callback_query?.data).toBe("d");
    expect(await api.getUpdates()).toHaveLength(1);
    expect(await api.getUpdates({ offset: (first?.update_id ?? 0) + 1 })).toEqual([]);
    await api.answerCallbackQuery(first?.callback_query?.id ?? "", { text: "done" });
    expect(await answered).toBe("done");
    expect(await refusal(api.answerCallbackQuery(first?.callback_query?.id ?? ""))).toContain("query is too old");
  });

  it("a second poller ends the first with 409", async () => {
    const { api } = await start();
    const first = refusal(api.getUpdates({ timeout: 20 }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    await api.getUpdates();
    expect(await first).toContain("409 Conflict: terminated by other getUpdates request");
  });
});
