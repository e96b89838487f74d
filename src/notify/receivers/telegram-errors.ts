/** What the Bot API's refusals mean for a delivery. The texts are the server's own, matched without case. */
import type { GrammyError, HttpError } from "grammy";
import { errorText } from "../../base/errors.ts";
import { HttpFailure } from "./http.ts";

export type TelegramProblem =
  /** Already as wanted. */
  | { readonly kind: "unchanged" }
  /** Can be mended at once by another request. */
  | { readonly kind: "parse" | "too-long" | "thread" | "edit"; readonly text: string }
  | { readonly kind: "migrate"; readonly chatId: number; readonly text: string }
  /** Later may help. */
  | { readonly kind: "wait"; readonly text: string; readonly retryAfterMs?: number; readonly maybeDelivered: boolean }
  /** Later will not help. */
  | { readonly kind: "refused"; readonly text: string; readonly code: number };

const MENDABLE: readonly (readonly ["parse" | "too-long" | "thread" | "edit" | "unchanged", RegExp])[] = [
  ["unchanged", /message is not modified/i],
  ["parse", /can't parse entities|unsupported parse_mode|entit(?:y|ies).*invalid/i],
  ["too-long", /message is too long|text is too long|caption is too long|MESSAGE_TOO_LONG/i],
  ["thread", /message thread not found|TOPIC_(?:CLOSED|DELETED)|thread.*not found/i],
  ["edit", /message to edit not found|message can't be edited|MESSAGE_ID_INVALID|there is no text in the message/i],
];

/** @throws never; anything unknown is a refusal with its text. */
export function telegramProblem(error: unknown): TelegramProblem {
  if (isHttpError(error)) {
    const { error: cause } = error;
    const maybeDelivered = cause instanceof HttpFailure ? cause.maybeDelivered : true;
    return { kind: "wait", text: `telegram: ${errorText(cause)}`, maybeDelivered };
  }
  if (!isRefusal(error)) return { kind: "refused", text: `telegram: ${errorText(error)}`, code: 0 };
  const { error_code: code, description, parameters } = error;
  const text = `telegram ${code}: ${description}`;
  if (code === 429) {
    const seconds = Math.max(1, parameters.retry_after ?? 1);
    return { kind: "wait", text, retryAfterMs: seconds * 1_000, maybeDelivered: false };
  }
  if (code >= 500) return { kind: "wait", text, maybeDelivered: true };
  if (parameters.migrate_to_chat_id !== undefined) {
    return { kind: "migrate", chatId: parameters.migrate_to_chat_id, text };
  }
  if (code === 400) {
    const kind = MENDABLE.find(([, pattern]) => pattern.test(description))?.[0];
    if (kind === "unchanged") return { kind };
    if (kind !== undefined) return { kind, text };
  }
  return { kind: "refused", text, code };
}

/** By name, as the class would have to be loaded to compare with it. */
function isHttpError(error: unknown): error is HttpError {
  return error instanceof Error && error.name === "HttpError";
}

function isRefusal(error: unknown): error is GrammyError {
  return error instanceof Error && error.name === "GrammyError";
}
