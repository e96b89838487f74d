/**
 * Buttons under messages: one listener per bot, presses in, acknowledgements and silences out, one line back to the
 * person. A listener that ends (another process polls the bot) turns the buttons off; sending goes on.
 */
import type { Clock } from "../base/clock.ts";
import { UserError, errorText } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Silence, SilenceInput } from "./notifier.ts";
import type { ButtonPress, Receiver } from "./receiver.ts";
import type { AlertRecord } from "./records.ts";
import { describeAlerts } from "./silence.ts";

const SILENCE_MS = 3_600_000;

export interface ButtonsOptions {
  readonly receivers: readonly Receiver[];
  readonly log: Logger;
  readonly clock: Clock;
  /** The firing alerts that the message with this button shows. */
  readonly shown: (button: string) => readonly AlertRecord[];
  readonly acknowledge: (alerts: readonly AlertRecord[], author: string) => Promise<Silence>;
  readonly silence: (input: SilenceInput) => Promise<Silence>;
}

export interface Buttons {
  state(receiver: Receiver): "on" | "off" | "none";
  /** Why they are off. */
  trouble(receiver: Receiver): readonly string[];
  close(): Promise<void>;
}

export function createButtons(options: ButtonsOptions): Buttons {
  const abort = new AbortController();
  const states = new Map<string, { state: "on" | "off"; reason: string }>();
  const running: Promise<void>[] = [];
  for (const { listener } of options.receivers) {
    if (listener === undefined || states.has(listener.key)) continue;
    states.set(listener.key, { state: "off", reason: "" });
    const listening = listener.listen({
      onPress: (press) => answer(options, press),
      onState: (state, reason) => {
        const before = states.get(listener.key);
        states.set(listener.key, { state, reason });
        if (state === "off" && before?.reason !== reason) options.log.warn("chat buttons are off", { reason });
        if (state === "on" && before?.state === "off") options.log.info("chat buttons are on");
      },
      signal: abort.signal,
    });
    running.push(
      listening.catch((error: unknown) => {
        options.log.error("chat buttons failed", { error: errorText(error) });
        states.set(listener.key, { state: "off", reason: errorText(error) });
      }),
    );
  }
  const find = (receiver: Receiver): { state: "on" | "off"; reason: string } | undefined =>
    receiver.listener === undefined ? undefined : states.get(receiver.listener.key);
  return {
    state: (receiver) => find(receiver)?.state ?? "none",
    trouble: (receiver) => {
      const found = find(receiver);
      return found?.state === "off" && found.reason !== "" ? [`buttons are off: ${found.reason}`] : [];
    },
    async close() {
      abort.abort();
      await Promise.all(running);
    },
  };
}

async function answer(options: ButtonsOptions, press: ButtonPress): Promise<string> {
  const alerts = options.shown(press.button);
  if (alerts.length === 0) return "This alert is over.";
  try {
    if (press.action === "ack") {
      await options.acknowledge(alerts, press.author);
      return `Acknowledged by ${press.author}.`;
    }
    const now = options.clock.now();
    const comment = "one hour, from the chat";
    const matchers = describeAlerts(alerts);
    await options.silence({ matchers, startsAt: now, endsAt: now + SILENCE_MS, createdBy: press.author, comment });
    return "Silenced for one hour.";
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}
