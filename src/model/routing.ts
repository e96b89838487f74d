/**
 * Who is told what: the route tree, receivers, inhibition and time intervals as configuration states them and
 * notify carries them out. The shape follows alertmanager.yml; inherited values are already filled in, so a
 * route can be read without its parents. All durations in ms.
 * @see https://prometheus.io/docs/alerting/latest/configuration/
 */
import type { HttpClientConfig, Secret } from "./job.ts";
import type { Matcher } from "./matcher.ts";

export interface Route {
  /** Stable name of the node: receiver-independent path of matchers, `{}` for the root. */
  readonly id: string;
  readonly receiver: string;
  readonly matchers: readonly Matcher[];
  readonly continue: boolean;
  /** `"all"` is `group_by: ['...']`: every label set is a group of its own. */
  readonly groupBy: readonly string[] | "all";
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  readonly routes: readonly Route[];
}

export interface InhibitRule {
  readonly name: string;
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
}

/** First and last, both included. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** Holds when every list that is not empty has a range with the moment in it. */
export interface TimeInterval {
  /** Minutes of the day, last excluded; never crosses midnight. */
  readonly times: readonly { readonly fromMinute: number; readonly toMinute: number }[];
  /** 0 = Sunday. */
  readonly weekdays: readonly NumberRange[];
  /** 1..31, or -1..-31 counted from the month's end. */
  readonly daysOfMonth: readonly NumberRange[];
  readonly months: readonly NumberRange[];
  readonly years: readonly NumberRange[];
  /** IANA name. */
  readonly location: string;
}

export interface TelegramConfig {
  readonly kind: "telegram";
  readonly sendResolved: boolean;
  readonly token: Secret;
  readonly apiUrl: string;
  /** Negative for groups; a channel's public name starts with "@". */
  readonly chatId: number | string;
  /** Topic of a forum group; 0 = none. */
  readonly threadId: number;
  readonly parseMode: "HTML" | "plain";
  readonly silent: boolean;
  /** A Go template of the message; undefined = opsmon's own layout. */
  readonly message: string | undefined;
  /** Telegram user ids that may press buttons; empty = no buttons. */
  readonly allowUsers: readonly number[];
  readonly http: HttpClientConfig;
}

export interface WebhookConfig {
  readonly kind: "webhook";
  readonly sendResolved: boolean;
  readonly url: Secret;
  /** 0 = all. */
  readonly maxAlerts: number;
  readonly timeoutMs: number;
  /** Signs the body when given. */
  readonly hmacSecret: Secret | undefined;
  readonly http: HttpClientConfig;
}

/** Known to the file format but not carried out; a delivery to it is a visible refusal, never silence. */
interface UnsupportedConfig {
  readonly kind: "unsupported";
  /** `slack`, `pagerduty`, `email`, … */
  readonly integration: string;
  readonly sendResolved: boolean;
}

export type IntegrationConfig = TelegramConfig | WebhookConfig | UnsupportedConfig;

export interface ReceiverConfig {
  readonly name: string;
  readonly integrations: readonly IntegrationConfig[];
}

export interface NotifyConfig {
  readonly route: Route;
  readonly receivers: readonly ReceiverConfig[];
  readonly inhibitRules: readonly InhibitRule[];
  readonly timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>;
  /** Texts of the `templates:` files, by file name. */
  readonly templates: ReadonlyMap<string, string>;
  /** A resolved alert posted without an end is over after so long. */
  readonly resolveTimeoutMs: number;
}
