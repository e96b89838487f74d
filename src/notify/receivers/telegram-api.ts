/**
 * grammy's Bot API client over our HTTP client: proxy and TLS as configured, one request a call, no retry, no
 * throttle. The token is in the URL, so no error text may carry one.
 */
import type { Api } from "grammy";
import type { TelegramConfig } from "../../model/routing.ts";
import { type HttpClient, HttpFailure } from "./http.ts";

/** Telegram answers within a second or not at all. */
const REQUEST_TIMEOUT_MS = 20_000;
/** Long polls end on the server's side before this. */
const POLL_MARGIN_MS = 10_000;
export const POLL_SECONDS = 30;

interface FetchInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Uint8Array>;
  readonly signal?: { readonly aborted: boolean; addEventListener(type: "abort", fire: () => void): void };
}

/** grammy is loaded here, with the first use: it costs a tenth of a second that a first screen does not have. */
export async function createTelegramApi(config: TelegramConfig, http: HttpClient): Promise<Api> {
  const { Api } = await import("grammy");
  // grammy types its option by node-fetch; what it uses of an answer is `json()` alone.
  const fetch = async (url: string | URL, init: FetchInit): Promise<{ json(): Promise<unknown> }> => {
    const abort = new AbortController();
    if (init.signal?.aborted === true) abort.abort();
    init.signal?.addEventListener("abort", () => abort.abort());
    const polls = String(url).endsWith("/getUpdates");
    const answer = await http.send({
      url: String(url),
      method: "POST",
      headers: { ...init.headers },
      body: init.body,
      timeoutMs: polls ? POLL_SECONDS * 1_000 + POLL_MARGIN_MS : REQUEST_TIMEOUT_MS,
      signal: abort.signal,
    });
    return { json: () => Promise.resolve(parseAnswer(answer.status, answer.text)) };
  };
  return new Api(config.token.reveal(), {
    apiRoot: config.apiUrl.replace(/\/+$/, ""),
    fetch: fetch as never,
  });
}

function parseAnswer(status: number, text: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new HttpFailure(
      `HTTP ${status} with an answer that is not the Bot API's`,
      status < 400 || status >= 500,
      cause,
    );
  }
  if (typeof parsed !== "object" || parsed === null || !("ok" in parsed)) {
    throw new HttpFailure(
      `HTTP ${status} with an answer that is not the Bot API's`,
      status < 400 || status >= 500,
      undefined,
    );
  }
  return parsed;
}
