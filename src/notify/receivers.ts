/** The registry of receivers: one line per kind. */
import { unreachable } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { IntegrationConfig, NotifyConfig } from "../model/routing.ts";
import type { Picture, Receiver } from "./receiver.ts";
import { createTelegram } from "./receivers/telegram.ts";
import { createUnsupported } from "./receivers/unsupported.ts";
import { createWebhook } from "./receivers/webhook.ts";

export interface ReceiverOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly picture: Picture | undefined;
}

/** The integrations of the receiver with this name, in file order. */
export function connectReceivers(config: NotifyConfig, name: string, options: ReceiverOptions): readonly Receiver[] {
  const receiver = config.receivers.find((candidate) => candidate.name === name);
  return (receiver?.integrations ?? []).map((one) => connectOne(one, name, config, options));
}

function connectOne(one: IntegrationConfig, name: string, config: NotifyConfig, options: ReceiverOptions): Receiver {
  switch (one.kind) {
    case "telegram":
      return createTelegram(one, { ...options, templates: config.templates });
    case "webhook":
      return createWebhook(one);
    case "unsupported":
      return createUnsupported(one.integration, name, one.sendResolved);
    default:
      return unreachable(one);
  }
}
