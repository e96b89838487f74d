/**
 * The Telegram receiver: one message per group, edited from firing to acknowledged to resolved. A refusal that a
 * second request can mend (markup, length, topic, moved chat) is mended within the attempt; everything else is the
 * outbox's. The message layout is ours unless the configuration brings a template.
 */
import { createHash } from "node:crypto";
import type { Api } from "grammy";
import type { InlineKeyboardMarkup } from "grammy/types";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { TelegramConfig } from "../../model/routing.ts";
import type { Delivery, DeliveryOutcome, Picture, Receiver, ReceiverMemory } from "../receiver.ts";
import { chatMessage } from "./chat-message.ts";
import { printHtml, printPlain } from "./chat-text.ts";
import { createHttpClient } from "./http.ts";
import { createTelegramApi } from "./telegram-api.ts";
import { telegramListener } from "./telegram-buttons.ts";
import { type TelegramProblem, telegramProblem } from "./telegram-errors.ts";
import { type MessageTemplate, compileMessage } from "./telegram-template.ts";

/** Code points of a message after parsing. @see https://core.telegram.org/bots/api#sendmessage */
const TEXT_MAX = 4_096;
/** When the server still finds it too long: our count and its count differ, so leave a wide margin. */
const SHORT_MAX = 1_000;
/** Requests of one attempt: the first and what mends it. */
const REQUESTS_MAX = 3;
/** Designed below Telegram's unpublished limits: about 1/s per chat and 20/min per group. */
const PACE = { perSecond: 1, perMinute: 18 } as const;

export interface TelegramOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly picture: Picture | undefined;
  /** Texts of template files by name. */
  readonly templates: ReadonlyMap<string, string>;
}

export function createTelegram(config: TelegramConfig, options: TelegramOptions): Receiver {
  const http = createHttpClient(config.http);
  let api: Promise<Api> | undefined;
  const connect = async (): Promise<Api> => {
    api ??= createTelegramApi(config, http);
    try {
      return await api;
    } catch (error) {
      // The token's file may be readable next time.
      api = undefined;
      throw error;
    }
  };
  const template = compileMessage(config, options.templates, () => options.clock.now());
  // The bot's number is public; the hash keeps channels of unreadable tokens apart without showing them.
  const bot = createHash("sha256")
    .update(`${config.apiUrl}\n${tokenOf(config)}`)
    .digest("hex")
    .slice(0, 12);
  return {
    integration: "telegram",
    channel: `telegram:${bot}:${config.chatId}`,
    edits: true,
    digests: true,
    sendResolved: config.sendResolved,
    pace: PACE,
    listener:
      config.allowUsers.length === 0
        ? undefined
        : telegramListener({ key: `telegram:${bot}`, connect, allow: config.allowUsers, clock: options.clock }),
    async deliver(delivery, memory, signal) {
      let client: Api;
      try {
        client = await connect();
      } catch {
        return { kind: "dead", reason: "the bot token cannot be read or is empty" };
      }
      const outcome = await new Attempt(config, client, template, delivery, memory, signal).run();
      // A refused token may have been changed in its file: the next attempt reads it again.
      if (outcome.kind === "dead" && outcome.reason.startsWith("telegram 401")) api = undefined;
      return outcome;
    },
    close: () => http.close(),
  };
}

function tokenOf(config: TelegramConfig): string {
  try {
    return config.token.reveal();
  } catch {
    return "";
  }
}

/** One attempt with its mending. */
class Attempt {
  readonly #config: TelegramConfig;
  readonly #api: Api;
  readonly #template: MessageTemplate | undefined;
  readonly #delivery: Delivery;
  readonly #signal: AbortSignal;
  readonly #warnings: string[] = [];
  readonly #remember: Record<string, string> = {};
  #chat: number | string;
  #thread: number;
  #edit: number | undefined;
  #plain: boolean;
  #limit: number = TEXT_MAX;

  constructor(
    config: TelegramConfig,
    api: Api,
    template: MessageTemplate | undefined,
    delivery: Delivery,
    memory: ReceiverMemory,
    signal: AbortSignal,
  ) {
    this.#config = config;
    this.#api = api;
    this.#template = template;
    this.#delivery = delivery;
    this.#signal = signal;
    this.#plain = config.parseMode === "plain";
    this.#chat = memory["chat"] === undefined ? config.chatId : Number(memory["chat"]);
    this.#thread = memory["thread"] === "gone" ? 0 : config.threadId;
    this.#edit = delivery.edit === undefined ? undefined : Number(delivery.edit);
  }

  async run(): Promise<DeliveryOutcome> {
    for (let request = 1; ; request++) {
      const problem = await this.#request();
      if (typeof problem === "number") return this.#outcome({ kind: "sent", externalId: String(problem) });
      if (problem.kind === "unchanged") return this.#outcome({ kind: "sent", externalId: this.#delivery.edit });
      if (problem.kind === "wait") {
        const { text: reason, retryAfterMs, maybeDelivered } = problem;
        const after = retryAfterMs === undefined ? {} : { retryAfterMs };
        return this.#outcome({ kind: "retry", reason, maybeDelivered, ...after });
      }
      if (request >= REQUESTS_MAX || !this.#mend(problem)) return this.#outcome({ kind: "dead", reason: problem.text });
    }
  }

  #outcome(
    outcome:
      | { kind: "sent"; externalId: string | undefined }
      | { kind: "retry"; reason: string; maybeDelivered: boolean; retryAfterMs?: number }
      | { kind: "dead"; reason: string },
  ): DeliveryOutcome {
    return {
      ...outcome,
      ...(this.#warnings.length === 0 ? {} : { warnings: this.#warnings }),
      ...(Object.keys(this.#remember).length === 0 ? {} : { remember: this.#remember }),
    };
  }

  /** Changes what the next request asks; false when there is nothing left to change. */
  #mend(problem: Exclude<TelegramProblem, { readonly kind: "wait" | "unchanged" }>): boolean {
    switch (problem.kind) {
      case "refused":
        return false;
      case "parse":
        if (this.#plain) return false;
        this.#plain = true;
        this.#warnings.push(`sent as plain text, because ${problem.text}`);
        return true;
      case "too-long":
        if (this.#limit === SHORT_MAX) return false;
        this.#limit = SHORT_MAX;
        return true;
      case "thread":
        if (this.#thread === 0) return false;
        this.#thread = 0;
        this.#remember["thread"] = "gone";
        this.#warnings.push(
          `topic ${this.#config.threadId} is gone: messages go to the chat itself; change message_thread_id`,
        );
        return true;
      case "edit":
        if (this.#edit === undefined) return false;
        this.#edit = undefined;
        return true;
      case "migrate":
        this.#chat = problem.chatId;
        // A message of the old group cannot be changed in the new one.
        this.#edit = undefined;
        this.#remember["chat"] = String(problem.chatId);
        this.#warnings.push(`the chat moved to ${problem.chatId}: change chat_id in the configuration`);
        return true;
    }
  }

  /** @returns the message's id, or what went wrong. */
  async #request(): Promise<number | TelegramProblem> {
    const text = this.#text();
    const markup = this.#buttons();
    const common = {
      ...(this.#plain ? {} : { parse_mode: "HTML" as const }),
      link_preview_options: { is_disabled: true },
      ...(markup === undefined ? {} : { reply_markup: markup }),
    };
    try {
      if (this.#edit !== undefined) {
        await this.#api.editMessageText(this.#chat, this.#edit, text, common, this.#signal as never);
        return this.#edit;
      }
      const earlier = this.#delivery.replaces;
      const sent = await this.#api.sendMessage(
        this.#chat,
        text,
        {
          ...common,
          ...(this.#thread === 0 ? {} : { message_thread_id: this.#thread }),
          ...(this.#config.silent ? { disable_notification: true } : {}),
          ...(earlier === undefined
            ? {}
            : { reply_parameters: { message_id: Number(earlier), allow_sending_without_reply: true } }),
        },
        this.#signal as never,
      );
      if (earlier !== undefined) await this.#closeEarlier(Number(earlier));
      return sent.message_id;
    } catch (error) {
      return telegramProblem(error);
    }
  }

  /** The older message of a repeated one: it must not read "firing" for ever. Best effort, as the new one says it all. */
  async #closeEarlier(messageId: number): Promise<void> {
    const [first] = chatMessage(this.#delivery, TEXT_MAX);
    const lines = [
      ...(first === undefined ? [] : [first]),
      [{ text: "⤵ goes on in a newer message", tag: "i" as const }],
    ];
    try {
      await this.#api.editMessageText(
        this.#chat,
        messageId,
        printHtml(lines),
        { parse_mode: "HTML" },
        this.#signal as never,
      );
    } catch {
      // The new message stands; nothing depends on the old one.
    }
  }

  #text(): string {
    if (this.#template !== undefined && !this.#plain && this.#limit === TEXT_MAX) {
      const made = this.#template(this.#delivery, TEXT_MAX);
      if (made.ok) return made.text;
      this.#warnings.push(made.warning);
    }
    const lines = chatMessage(this.#delivery, this.#limit);
    return this.#plain ? printPlain(lines) : printHtml(lines);
  }

  #buttons(): InlineKeyboardMarkup | undefined {
    const { button, notification } = this.#delivery;
    if (button === "" || this.#config.allowUsers.length === 0 || notification.status === "resolved") return undefined;
    const silence = { text: "🔕 Silence 1h", callback_data: `o:${button}:silence` };
    if (notification.status === "acknowledged") return { inline_keyboard: [[silence]] };
    return { inline_keyboard: [[{ text: "👤 Ack", callback_data: `o:${button}:ack` }, silence]] };
  }
}
