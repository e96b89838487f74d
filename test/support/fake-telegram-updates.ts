/** The fake's updates: long polls with offset confirmation and 409 for a second poller, button presses, answers. */
import { type Answer, type Body, ok, refuse, textOf } from "./fake-telegram-answer.ts";
import { type FakeMessage, wire } from "./fake-telegram-chats.ts";

/** A press can be answered for so long; the real server's limit is unpublished. */
const ANSWER_WINDOW_MS = 15_000;
const ANSWER_TEXT_MAX = 200;
/** How long `press` waits for the program's answer. */
const PRESS_WAIT_MS = 10_000;

interface Press {
  readonly at: number;
  answered: boolean;
  readonly tell: (text: string) => void;
}

export class UpdateQueue {
  readonly #now: () => number;
  #updates: { readonly update_id: number; readonly callback_query: unknown }[] = [];
  readonly #presses = new Map<string, Press>();
  #nextId = 1;
  #poller: ((answer: Answer) => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  poll(body: Body): Answer | Promise<Answer> {
    const text = "terminated by other getUpdates request; make sure that only one bot instance is running";
    this.#poller?.(refuse(409, text));
    const offset = Number(body["offset"] ?? 0);
    if (offset > 0) this.#updates = this.#updates.filter((update) => update.update_id >= offset);
    const seconds = Number(body["timeout"] ?? 0);
    if (this.#updates.length > 0 || seconds === 0) return ok(this.#updates.slice(0, 100));
    return new Promise((resolve) => {
      const done = (answer: Answer): void => {
        clearTimeout(timer);
        if (this.#poller === done) {
          this.#poller = undefined;
          this.#wake = undefined;
        }
        resolve(answer);
      };
      const timer = setTimeout(() => done(ok([])), seconds * 1_000);
      this.#poller = done;
      this.#wake = () => done(ok(this.#updates.slice(0, 100)));
    });
  }

  answer(body: Body): Answer {
    const press = this.#presses.get(String(body["callback_query_id"]));
    if (press === undefined || press.answered || this.#now() - press.at > ANSWER_WINDOW_MS) {
      return refuse(400, "query is too old and response timeout expired or query ID is invalid");
    }
    const text = textOf(body["text"]);
    if (Array.from(text).length > ANSWER_TEXT_MAX) return refuse(400, "MESSAGE_TOO_LONG");
    press.answered = true;
    press.tell(text);
    return ok(true);
  }

  press(
    message: FakeMessage,
    button: number,
    user: { readonly id: number; readonly name: string },
  ): Promise<string | undefined> {
    const id = String(4_000_000 + this.#nextId);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), PRESS_WAIT_MS);
      const tell = (text: string): void => {
        clearTimeout(timer);
        resolve(text);
      };
      this.#presses.set(id, { at: this.#now(), answered: false, tell });
      this.#updates.push({
        update_id: this.#nextId++,
        callback_query: {
          id,
          from: { id: user.id, is_bot: false, first_name: user.name, username: user.name },
          message: wire(message),
          chat_instance: "1",
          data: message.buttons[button]?.data ?? "",
        },
      });
      this.#wake?.();
    });
  }

  close(): void {
    this.#poller?.(ok([]));
  }
}
