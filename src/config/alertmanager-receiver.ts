/**
 * Receivers of alertmanager.yml. Telegram and webhook are carried out; the other kinds are known, and naming one is
 * a warning with its place, because silence there would look like a working pager.
 */
import {
  type Decode,
  type Fields,
  type Findings,
  bool,
  choice,
  describe,
  fields,
  integer,
  list,
  node,
  text,
} from "../base/shape.ts";
import type { YamlNode } from "../base/yaml.ts";
import { type HttpClientConfig, Secret } from "../model/job.ts";
import type { IntegrationConfig, ReceiverConfig, TelegramConfig, WebhookConfig } from "../model/routing.ts";
import { type Context, duration, secret, secretFile, url } from "./context.ts";
import { HTTP_UNSUPPORTED, httpClient, httpShape } from "./http.ts";

export const TELEGRAM_API = "https://api.telegram.org";
/** Webhook requests without a timeout of their own. */
const WEBHOOK_TIMEOUT_MS = 30_000;

/** Kinds of Alertmanager that this version does not carry out. */
const OTHERS = [
  "discord",
  "email",
  "incidentio",
  "jira",
  "mattermost",
  "msteams",
  "msteamsv2",
  "opsgenie",
  "pagerduty",
  "pushover",
  "rocketchat",
  "slack",
  "sns",
  "victorops",
  "webex",
  "wechat",
] as const;
const keyOf = (kind: (typeof OTHERS)[number]): OtherKey => `${kind}_configs`;
type OtherKey = `${(typeof OTHERS)[number]}_configs`;

/** What `global:` gives to receivers that do not say otherwise. */
export interface ReceiverDefaults {
  readonly telegramApiUrl: string;
  readonly telegramToken: Secret | undefined;
  readonly http: HttpClientConfig;
  /** Telegram user ids that may press buttons. */
  readonly telegramUsers: readonly number[];
}

export function httpConfig(context: Context): Decode<HttpClientConfig> {
  const shape = fields(httpShape(context), { what: "http_config", unsupported: HTTP_UNSUPPORTED });
  return (at, findings) => {
    const read = shape(at, findings);
    return read === undefined ? undefined : httpClient(read, findings);
  };
}

/** A number, or a channel's public name. */
const chatId: Decode<number | string> = (at, findings) => {
  const value = at.kind === "scalar" ? at.text.trim() : "";
  if (/^-?\d{1,16}$/.test(value) && Number(value) !== 0) return Number(value);
  if (/^@\w{4,64}$/.test(value)) return value;
  return findings.error(at, `${describe(at)} is not a chat`, "a number, negative for groups, or @channel");
};

const TELEGRAM_DEFAULT_MESSAGE = /^\s*\{\{-?\s*template\s+"telegram\.default\.message"\s+\.\s*-?\}\}\s*$/;

function telegramShape(context: Context) {
  return {
    send_resolved: bool,
    api_url: url(context),
    bot_token: secret(context),
    bot_token_file: secretFile(context),
    chat_id: chatId,
    chat_id_file: secretFile(context),
    message_thread_id: integer(1),
    message: text,
    disable_notifications: bool,
    parse_mode: choice("HTML", "", "Markdown", "MarkdownV2"),
    http_config: httpConfig(context),
    opsmon_allowed_users: list(integer(1)),
  } satisfies Readonly<Record<string, Decode<unknown>>>;
}
type TelegramFields = Fields<ReturnType<typeof telegramShape>>;

function telegram(context: Context, defaults: ReceiverDefaults): Decode<TelegramConfig> {
  const shape = fields(telegramShape(context), { what: "a telegram receiver" });
  return (at, findings) => {
    const read = shape(at, findings);
    if (read === undefined) return undefined;
    const { got } = read;
    exclusive(read, findings, "bot_token", "bot_token_file");
    exclusive(read, findings, "chat_id", "chat_id_file");
    const token = got.bot_token ?? got.bot_token_file ?? defaults.telegramToken;
    if (token === undefined && !read.has("bot_token") && !read.has("bot_token_file")) {
      findings.error(at, 'a telegram receiver needs "bot_token" or "bot_token_file"', "BotFather gives the token");
    }
    const chat = got.chat_id ?? chatOfFile(read, findings);
    if (chat === undefined && !read.has("chat_id") && !read.has("chat_id_file")) {
      findings.error(at, 'a telegram receiver needs "chat_id"');
    }
    if (token === undefined || chat === undefined) return undefined;
    const markdown = got.parse_mode === "Markdown" || got.parse_mode === "MarkdownV2";
    if (markdown) {
      findings.warn(
        read.place("parse_mode"),
        `parse_mode "${got.parse_mode}" is not used: messages go out as HTML in opsmon's own layout`,
        "in Markdown nearly every label breaks the markup; write the template for HTML",
      );
    }
    const ownLayout = got.message === undefined || markdown || TELEGRAM_DEFAULT_MESSAGE.test(got.message);
    return {
      kind: "telegram",
      sendResolved: got.send_resolved ?? true,
      token,
      apiUrl: (got.api_url ?? defaults.telegramApiUrl).replace(/\/+$/, ""),
      chatId: chat,
      threadId: got.message_thread_id ?? 0,
      parseMode: got.parse_mode === "" ? "plain" : "HTML",
      silent: got.disable_notifications ?? false,
      message: ownLayout ? undefined : got.message,
      allowUsers: got.opsmon_allowed_users ?? defaults.telegramUsers,
      http: got.http_config ?? defaults.http,
    };
  };
}

function chatOfFile(read: TelegramFields, findings: Findings): number | string | undefined {
  let value: string;
  try {
    value = read.got.chat_id_file?.reveal() ?? "";
  } catch {
    value = "";
  }
  if (value === "") return undefined;
  const at = read.place("chat_id_file");
  return chatId({ kind: "scalar", text: value, style: "plain", isNull: false, body: undefined, ...at }, findings);
}

function exclusive<S extends Readonly<Record<string, Decode<unknown>>>>(
  read: Fields<S>,
  findings: Findings,
  a: keyof S & string,
  b: keyof S & string,
): void {
  if (read.has(a) && read.has(b)) findings.error(read.place(b), `"${a}" and "${b}" exclude each other`, "remove one");
}

function webhook(context: Context, defaults: ReceiverDefaults): Decode<WebhookConfig> {
  const shape = fields(
    {
      send_resolved: bool,
      url: secret(context),
      url_file: secretFile(context),
      max_alerts: integer(0),
      timeout: duration,
      http_config: httpConfig(context),
      opsmon_hmac_secret: secret(context),
      opsmon_hmac_secret_file: secretFile(context),
    },
    { what: "a webhook receiver", unsupported: { payload: "the body is always Alertmanager's version 4" } },
  );
  return (at, findings) => {
    const read = shape(at, findings);
    if (read === undefined) return undefined;
    const { got } = read;
    exclusive(read, findings, "url", "url_file");
    if (got.url !== undefined && !/^https?:\/\/[^/]/.test(got.url.reveal())) {
      findings.error(read.place("url"), "the webhook's url is not an http or https URL", "write it whole");
    }
    const target = got.url ?? got.url_file;
    if (target === undefined && !read.has("url") && !read.has("url_file")) {
      findings.error(at, 'a webhook receiver needs "url" or "url_file"');
    }
    if (target === undefined) return undefined;
    const timeoutMs = got.timeout ?? 0;
    return {
      kind: "webhook",
      sendResolved: got.send_resolved ?? true,
      url: target,
      maxAlerts: got.max_alerts ?? 0,
      timeoutMs: timeoutMs === 0 ? WEBHOOK_TIMEOUT_MS : timeoutMs,
      hmacSecret: got.opsmon_hmac_secret ?? got.opsmon_hmac_secret_file,
      http: got.http_config ?? defaults.http,
    };
  };
}

/** Receivers in file order; names must be given and unique. */
export function receivers(context: Context, defaults: ReceiverDefaults): Decode<readonly ReceiverConfig[]> {
  const others = Object.fromEntries(OTHERS.map((kind) => [`${kind}_configs`, list(node)])) as Record<
    OtherKey,
    Decode<readonly YamlNode[]>
  >;
  const telegrams = list(telegram(context, defaults));
  const webhooks = list(webhook(context, defaults));
  const shape = fields(
    { name: text, telegram_configs: telegrams, webhook_configs: webhooks, ...others },
    { what: "a receiver", required: ["name"] },
  );
  return (at, findings) => {
    const found: ReceiverConfig[] = [];
    const one: Decode<ReceiverConfig> = (item, notes) => {
      const read = shape(item, notes);
      if (read?.got.name === undefined) return undefined;
      const { name } = read.got;
      if (found.some((other) => other.name === name))
        notes.error(read.place("name"), `receiver "${name}" is defined twice`);
      const integrations: IntegrationConfig[] = [
        ...(read.got.telegram_configs ?? []),
        ...(read.got.webhook_configs ?? []),
      ];
      const lists = new Map(Object.entries(read.got as Readonly<Record<string, readonly unknown[]>>));
      for (const kind of OTHERS) {
        const configs = lists.get(keyOf(kind));
        for (const _ of configs ?? []) {
          integrations.push({ kind: "unsupported", integration: kind, sendResolved: true });
        }
        if (configs === undefined || configs.length === 0) continue;
        notes.warn(
          read.place(keyOf(kind)),
          `receiver "${name}": opsmon does not deliver to ${kind} yet`,
          "its alerts go to another receiver with a line that says so; add telegram_configs or webhook_configs",
        );
      }
      const receiver = { name, integrations };
      found.push(receiver);
      return receiver;
    };
    return list(one)(at, findings);
  };
}
