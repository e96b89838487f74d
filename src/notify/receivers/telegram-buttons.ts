/**
 * Button presses by long polling: no inbound port. A press counts only from an allow-listed user; the answer is one
 * line over the button. When another process polls the same bot (409), the buttons go off, are tried again every
 * minute, and sending goes on.
 */
import type { Api } from "grammy";
import type { CallbackQuery } from "grammy/types";
import type { Clock } from "../../base/clock.ts";
import type { ButtonListener } from "../receiver.ts";
import { cleanLine, clip } from "./chat-text.ts";
import { POLL_SECONDS } from "./telegram-api.ts";
import { telegramProblem } from "./telegram-errors.ts";

const CONFLICT_PAUSE_MS = 60_000;
const FAILURE_PAUSE_MS = 5_000;
/** Longest answer to a press, characters. @see https://core.telegram.org/bots/api#answercallbackquery */
const ANSWER_MAX = 200;
const AUTHOR_MAX = 64;
/** `o:<button>:<action>`; Telegram carries 1 to 64 bytes, and hands back whatever a client sends. */
const DATA = /^o:([\w-]{1,32}):(ack|silence)$/;

export interface TelegramListenerOptions {
  /** Identifies the bot without its secret. */
  readonly key: string;
  readonly connect: () => Promise<Api>;
  readonly allow: readonly number[];
  readonly clock: Clock;
}

type Press = Parameters<ButtonListener["listen"]>[0]["onPress"];

export function telegramListener(options: TelegramListenerOptions): ButtonListener {
  return {
    key: options.key,
    async listen({ onPress, onState, signal }) {
      let offset = 0;
      // The first poll after a start or a failure returns at once, so that the state is known.
      let seconds = 0;
      while (!signal.aborted) {
        try {
          const api = await options.connect();
          const request = { offset, timeout: seconds, allowed_updates: ["callback_query" as const] };
          const updates = await api.getUpdates(request, signal as never);
          onState("on", "");
          seconds = POLL_SECONDS;
          for (const update of updates) {
            offset = Math.max(offset, update.update_id + 1);
            if (update.callback_query !== undefined) await react(api, update.callback_query, options.allow, onPress);
          }
        } catch (error) {
          if (signal.aborted) break;
          seconds = 0;
          const problem = telegramProblem(error);
          const conflict = problem.kind === "refused" && problem.code === 409;
          const text = problem.kind === "unchanged" ? "" : problem.text;
          onState("off", conflict ? "another program polls this bot for updates" : text);
          const asked = problem.kind === "wait" ? problem.retryAfterMs : undefined;
          await pause(options.clock, asked ?? (conflict ? CONFLICT_PAUSE_MS : FAILURE_PAUSE_MS), signal);
        }
      }
      onState("off", "stopped");
    },
  };
}

async function react(api: Api, query: CallbackQuery, allow: readonly number[], onPress: Press): Promise<void> {
  const data = DATA.exec(query.data ?? "");
  let text = "This button is not known.";
  if (!allow.includes(query.from.id))
    text = `You (user id ${query.from.id}) are not on the list of people who may do this.`;
  else if (data !== null) {
    const { username, first_name: firstName, id } = query.from;
    const name = username === undefined ? cleanLine(firstName) : `@${cleanLine(username)}`;
    const author = clip(name === "" ? String(id) : name, AUTHOR_MAX);
    text = await onPress({ button: data[1] as string, action: data[2] as "ack" | "silence", author });
  }
  try {
    await api.answerCallbackQuery(query.id, { text: clip(text, ANSWER_MAX) });
  } catch {
    // Too late or answered already: the edited message says what came of it.
  }
}

/** Sleeps, or wakes early when the program stops. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer[Symbol.dispose]();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal.addEventListener("abort", done);
  });
}
