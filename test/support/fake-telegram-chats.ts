/** The fake's chats: who may write, how fast, and every message as people see it, with its history of edits. */
import { type Answer, type Body, ok, refuse, textOf } from "./fake-telegram-answer.ts";
import { type Entity, TEXT_MAX, type ParsedText, TextRefused, readText } from "./fake-telegram-text.ts";

export interface ChatRules {
  readonly title: string;
  readonly topics: readonly number[];
  /** The chat moved there. */
  readonly migratedTo: number | undefined;
  readonly blocked: boolean;
  readonly kicked: boolean;
}

export interface FakeMessage {
  readonly messageId: number;
  readonly chat: number;
  readonly thread: number | undefined;
  readonly text: string;
  readonly entities: readonly Entity[];
  readonly buttons: readonly { readonly text: string; readonly data: string }[];
  readonly sentAt: number;
  readonly silent: boolean;
  readonly replyTo: number | undefined;
  /** Texts it had before, oldest first. */
  readonly earlier: readonly string[];
}

interface Chat {
  rules: ChatRules;
  hits: number[];
  readonly messages: Map<number, FakeMessage>;
}

const NO_RULES: ChatRules = { title: "ops", topics: [], migratedTo: undefined, blocked: false, kicked: false };
const CALLBACK_BYTES_MAX = 64;
const BUTTONS_MAX = 100;

export class ChatBook {
  readonly #now: () => number;
  readonly #rates: { readonly perMinute: number; readonly perSecond: number };
  readonly #chats = new Map<number, Chat>();
  #messageId = 100;

  constructor(now: () => number, rates: { readonly perMinute: number; readonly perSecond: number }) {
    this.#now = now;
    this.#rates = rates;
  }

  set(id: number, rules: Partial<ChatRules>): void {
    const known = this.#chats.get(id);
    if (known === undefined) this.#chats.set(id, { rules: { ...NO_RULES, ...rules }, hits: [], messages: new Map() });
    else known.rules = { ...known.rules, ...rules };
  }

  messages(id: number): readonly FakeMessage[] {
    return [...(this.#chats.get(id)?.messages.values() ?? [])];
  }

  send(body: Body): Answer {
    return this.#in(body, (chat, id) => {
      const thread = body["message_thread_id"] === undefined ? undefined : Number(body["message_thread_id"]);
      if (thread !== undefined && !chat.rules.topics.includes(thread)) return refuse(400, "message thread not found");
      const reply = (body["reply_parameters"] ?? {}) as Readonly<Record<string, unknown>>;
      const replyTo = reply["message_id"] === undefined ? undefined : Number(reply["message_id"]);
      const found = replyTo !== undefined && chat.messages.has(replyTo);
      if (replyTo !== undefined && !found && reply["allow_sending_without_reply"] !== true) {
        return refuse(400, "message to be replied not found");
      }
      const parsed = readText(textOf(body["text"]), textOf(body["parse_mode"]), TEXT_MAX, "message");
      const buttons = readButtons(body);
      const limited = this.#rate(chat, id);
      if (limited !== undefined) return limited;
      const message: FakeMessage = {
        messageId: this.#messageId++,
        chat: id,
        thread,
        ...parsed,
        buttons,
        sentAt: this.#now(),
        silent: body["disable_notification"] === true,
        replyTo: found ? replyTo : undefined,
        earlier: [],
      };
      chat.messages.set(message.messageId, message);
      return ok(wire(message, chat));
    });
  }

  edit(body: Body): Answer {
    return this.#in(body, (chat, id) => {
      const message = chat.messages.get(Number(body["message_id"]));
      if (message === undefined) return refuse(400, "message to edit not found");
      const parsed = readText(textOf(body["text"]), textOf(body["parse_mode"]), TEXT_MAX, "message");
      const buttons = readButtons(body);
      const limited = this.#rate(chat, id);
      if (limited !== undefined) return limited;
      if (same(message, parsed, buttons)) {
        const detail = "specified new message content and reply markup are exactly the same as a current content";
        return refuse(400, `message is not modified: ${detail} and reply markup of the message`);
      }
      const edited = { ...message, ...parsed, buttons, earlier: [...message.earlier, message.text] };
      chat.messages.set(message.messageId, edited);
      return ok(wire(edited, chat));
    });
  }

  remove(body: Body): Answer {
    return this.#in(body, (chat) =>
      chat.messages.delete(Number(body["message_id"])) ? ok(true) : refuse(400, "message to delete not found"),
    );
  }

  #in(body: Body, act: (chat: Chat, id: number) => Answer): Answer {
    const id = Number(body["chat_id"]);
    const chat = this.#chats.get(id);
    if (chat === undefined) return refuse(400, "chat not found");
    const { migratedTo, blocked, kicked } = chat.rules;
    if (migratedTo !== undefined) {
      return refuse(400, "group chat was upgraded to a supergroup chat", { migrate_to_chat_id: migratedTo });
    }
    if (blocked) return refuse(403, "bot was blocked by the user");
    if (kicked) return refuse(403, "bot was kicked from the supergroup chat");
    try {
      return act(chat, id);
    } catch (error) {
      if (error instanceof TextRefused) return refuse(400, error.message);
      throw error;
    }
  }

  #rate(chat: Chat, id: number): Answer | undefined {
    const now = this.#now();
    chat.hits = chat.hits.filter((at) => at > now - 60_000);
    const oldest = chat.hits[0];
    let wait = 0;
    if (id < 0 && oldest !== undefined && chat.hits.length >= this.#rates.perMinute) wait = oldest + 60_000 - now;
    else if (chat.hits.filter((at) => at > now - 1_000).length >= this.#rates.perSecond) wait = 1_000;
    if (wait === 0) {
      chat.hits.push(now);
      return undefined;
    }
    const seconds = Math.max(1, Math.ceil(wait / 1_000));
    return refuse(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });
  }
}

function readButtons(body: Body): FakeMessage["buttons"] {
  const raw = body["reply_markup"];
  const markup = (typeof raw === "string" ? JSON.parse(raw) : (raw ?? {})) as {
    readonly inline_keyboard?: readonly (readonly Readonly<Record<string, unknown>>[])[];
  };
  const buttons = (markup.inline_keyboard ?? []).flat();
  if (buttons.length > BUTTONS_MAX) throw new TextRefused("too many buttons in the keyboard");
  return buttons.map((button) => {
    if (typeof button["text"] !== "string" || button["text"] === "") {
      throw new TextRefused("text buttons are unallowed in the inline keyboard");
    }
    const data = button["callback_data"];
    const size = typeof data === "string" ? Buffer.byteLength(data) : 0;
    if (size < 1 || size > CALLBACK_BYTES_MAX) throw new TextRefused("BUTTON_DATA_INVALID");
    return { text: button["text"], data: String(data) };
  });
}

function same(message: FakeMessage, parsed: ParsedText, buttons: FakeMessage["buttons"]): boolean {
  return (
    message.text === parsed.text &&
    JSON.stringify(message.entities) === JSON.stringify(parsed.entities) &&
    JSON.stringify(message.buttons) === JSON.stringify(buttons)
  );
}

/** The message as the API gives it back. */
export function wire(message: FakeMessage, chat?: { readonly rules: ChatRules }): Readonly<Record<string, unknown>> {
  return {
    message_id: message.messageId,
    date: Math.floor(message.sentAt / 1_000),
    chat: { id: message.chat, type: message.chat < 0 ? "supergroup" : "private", title: chat?.rules.title ?? "ops" },
    text: message.text,
    entities: message.entities,
    ...(message.thread === undefined ? {} : { message_thread_id: message.thread }),
  };
}
