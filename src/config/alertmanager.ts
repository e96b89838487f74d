/**
 * alertmanager.yml: text in, what notify carries out and every mistake at once, out. Also the routing of a program
 * that was only told a Telegram chat. Unknown keys are errors with a suggestion, as Alertmanager refuses them too.
 * @see https://prometheus.io/docs/alerting/latest/configuration/
 */
import { dirname, join, isAbsolute, resolve } from "node:path";
import { type Problem, hasErrors, sortProblems } from "../base/problem.ts";
import { systemHint, systemReason } from "../base/system-error.ts";
import { type Decode, Findings, fields, list, node, text } from "../base/shape.ts";
import { parseYaml, type YamlNode } from "../base/yaml.ts";
import type { NotifyConfig, ReceiverConfig } from "../model/routing.ts";
import { TELEGRAM_API, httpConfig, receivers } from "./alertmanager-receiver.ts";
import { type RouteReferences, checkReferences, inhibitRule, ownMatcher, readRoute } from "./alertmanager-route.ts";
import { namedInterval } from "./alertmanager-time.ts";
import type { ConfigPorts, TelegramConfig } from "./config.ts";
import { type Context, duration, secret, secretFile, url } from "./context.ts";
import { NO_HTTP } from "./http.ts";

const RESOLVE_TIMEOUT_MS = 5 * 60_000;
/** Largest template file read. */
const TEMPLATE_LENGTH_MAX = 1024 * 1024;

export interface AlertmanagerPorts extends Partial<ConfigPorts> {
  /** Files that match a pattern, absolute; without it a pattern names one file. */
  readonly glob?: (pattern: string) => readonly string[];
  /** Telegram user ids that may press buttons where a receiver does not say. */
  readonly telegramUsers?: readonly number[];
}

export interface LoadedAlertmanagerConfig {
  /** Undefined when there is an error. */
  readonly config: NotifyConfig | undefined;
  /** In file order. */
  readonly problems: readonly Problem[];
}

/** Global keys of receivers that are not carried out: accepted, and nobody reads them. */
const GLOBAL_IGNORED = [
  "smtp_from",
  "smtp_hello",
  "smtp_smarthost",
  "smtp_auth_username",
  "smtp_auth_password",
  "smtp_auth_password_file",
  "smtp_auth_secret",
  "smtp_auth_secret_file",
  "smtp_auth_identity",
  "smtp_require_tls",
  "smtp_tls_config",
  "smtp_force_implicit_tls",
  "slack_api_url",
  "slack_api_url_file",
  "slack_app_token",
  "slack_app_token_file",
  "slack_app_url",
  "pagerduty_url",
  "opsgenie_api_url",
  "opsgenie_api_key",
  "opsgenie_api_key_file",
  "wechat_api_url",
  "wechat_api_secret",
  "wechat_api_secret_file",
  "wechat_api_corp_id",
  "victorops_api_url",
  "victorops_api_key",
  "victorops_api_key_file",
  "webex_api_url",
  "jira_api_url",
  "rocketchat_api_url",
  "rocketchat_token",
  "rocketchat_token_file",
  "rocketchat_token_id",
  "rocketchat_token_id_file",
  "mattermost_webhook_url",
  "mattermost_webhook_url_file",
] as const;

function globalShape(context: Context) {
  const ignored = Object.fromEntries(GLOBAL_IGNORED.map((key) => [key, secretNode(context, key)]));
  return {
    resolve_timeout: duration,
    http_config: httpConfig(context),
    telegram_api_url: url(context),
    telegram_bot_token: secret(context),
    telegram_bot_token_file: secretFile(context),
    ...ignored,
  };
}

/** Kept unread, but never shown where its name says that it is a secret. */
function secretNode(context: Context, key: string): Decode<YamlNode> {
  return (at) => {
    if (/password|secret|key|token|slack_api_url|webhook_url/.test(key)) context.secrets.add(at);
    return at;
  };
}

/**
 * Loads an alertmanager.yml.
 *
 * @param file where the text came from; relative paths in it start from its directory.
 */
export function loadAlertmanagerConfig(
  source: string,
  file: string,
  ports: AlertmanagerPorts = {},
): LoadedAlertmanagerConfig {
  const yaml = parseYaml(source, file);
  const findings = new Findings(file, yaml.problems);
  const unread = (path: string): string => {
    throw new Error(`"${path}" is not read here`);
  };
  const full: ConfigPorts = { readFile: ports.readFile ?? unread, env: ports.env ?? {} };
  const context: Context = { dir: dirname(resolve(file)), ports: full, secrets: new Set() };
  const root = yaml.root ?? { kind: "map" as const, entries: [], line: 1, column: 1 };
  const config = readRoot(root, context, findings, ports);
  const problems = sortProblems(findings.problems);
  return { config: hasErrors(problems) ? undefined : config, problems };
}

function readRoot(
  root: YamlNode,
  context: Context,
  findings: Findings,
  ports: AlertmanagerPorts,
): NotifyConfig | undefined {
  const read = fields(
    {
      global: fields(globalShape(context), { what: "global" }),
      templates: list(text),
      route: node,
      receivers: node,
      inhibit_rules: list(inhibitRule),
      time_intervals: list(namedInterval),
      mute_time_intervals: list(namedInterval),
    },
    {
      what: "an Alertmanager configuration",
      required: ["route", "receivers"],
      unsupported: { tracing: "opsmon sends no traces" },
    },
  )(root, findings);
  if (read === undefined) return undefined;
  const { got } = read;
  const general = got.global;
  const defaults = {
    telegramApiUrl: general?.got.telegram_api_url ?? TELEGRAM_API,
    telegramToken: general?.got.telegram_bot_token ?? general?.got.telegram_bot_token_file,
    http: general?.got.http_config ?? NO_HTTP,
    telegramUsers: ports.telegramUsers ?? [],
  };
  const all = got.receivers === undefined ? [] : (receivers(context, defaults)(got.receivers, findings) ?? []);
  const references: RouteReferences = { receivers: [], intervals: [] };
  const route = got.route === undefined ? undefined : readRoute(got.route, findings, references);
  const named = [...(got.mute_time_intervals ?? []), ...(got.time_intervals ?? [])];
  for (const [i, { name }] of named.entries()) {
    if (named.findIndex((other) => other.name === name) === i) continue;
    findings.error(read.place("time_intervals"), `time interval "${name}" is defined twice`);
  }
  checkReferences("receiver", references.receivers, receiverNames(got.receivers), findings);
  checkReferences(
    "time interval",
    references.intervals,
    named.map(({ name }) => name),
    findings,
  );
  if (route === undefined) return undefined;
  return {
    route,
    receivers: all,
    inhibitRules: got.inhibit_rules ?? [],
    timeIntervals: new Map(named.map(({ name, intervals }) => [name, intervals])),
    templates: readTemplates(got.templates ?? [], context, findings, read, ports),
    resolveTimeoutMs: general?.got.resolve_timeout ?? RESOLVE_TIMEOUT_MS,
  };
}

/** Names as written, so that a receiver with a mistake of its own is still known to the routes. */
function receiverNames(at: YamlNode | undefined): readonly string[] {
  const items = at?.kind === "seq" ? at.items : [];
  return items.flatMap((item) => {
    const name = item.kind === "map" ? item.entries.find((entry) => entry.key === "name")?.value : undefined;
    return name?.kind === "scalar" ? [name.text] : [];
  });
}

function readTemplates(
  patterns: readonly string[],
  context: Context,
  findings: Findings,
  read: { place(key: "templates"): { readonly line: number; readonly column: number } },
  ports: AlertmanagerPorts,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const pattern of patterns) {
    const whole = isAbsolute(pattern) ? pattern : join(context.dir, pattern);
    const files = ports.glob?.(whole) ?? (whole.includes("*") ? [] : [whole]);
    if (files.length === 0) findings.warn(read.place("templates"), `no template file matches "${pattern}"`);
    for (const file of files) {
      try {
        const template = context.ports.readFile(file);
        if (template.length <= TEMPLATE_LENGTH_MAX) found.set(file, template);
        else findings.error(read.place("templates"), `"${file}" has more than ${TEMPLATE_LENGTH_MAX} characters`);
      } catch (error) {
        findings.error(read.place("templates"), `cannot read "${file}": ${systemReason(error)}`, systemHint(error));
      }
    }
  }
  return found;
}

/** Waits of a small fleet: soon enough to help, long enough for neighbours to join the same message. */
const OWN_GROUP_WAIT_MS = 5_000;
const OWN_GROUP_INTERVAL_MS = 30_000;
const OWN_REPEAT_INTERVAL_MS = 4 * 3_600_000;

/**
 * Routing without an alertmanager.yml: everything goes to every chat of `opsmon.telegram`, one message per alert
 * name and job; a critical alert keeps the warning of the same name and instance quiet. Without Telegram alerts are
 * shown on the screen only.
 */
export function defaultAlertmanagerConfig(options: { readonly telegram?: TelegramConfig | undefined }): NotifyConfig {
  const { telegram } = options;
  const receiver: ReceiverConfig = {
    name: telegram === undefined ? "screen" : "telegram",
    integrations: (telegram?.chatIds ?? []).map((chat) => ({
      kind: "telegram",
      sendResolved: telegram?.sendResolved ?? true,
      token: (telegram as TelegramConfig).botToken,
      apiUrl: telegram?.apiUrl ?? TELEGRAM_API,
      chatId: /^-?\d+$/.test(chat) ? Number(chat) : chat,
      threadId: telegram?.messageThreadId ?? 0,
      parseMode: telegram?.parseMode === "" ? "plain" : "HTML",
      silent: false,
      message: undefined,
      allowUsers: telegram?.allowedUsers ?? [],
      http: { ...NO_HTTP, ...(telegram?.proxyUrl === undefined ? {} : { proxyUrl: telegram.proxyUrl }) },
    })),
  };
  return {
    route: {
      id: "{}",
      receiver: receiver.name,
      matchers: [],
      continue: false,
      groupBy: ["alertname", "job"],
      groupWaitMs: OWN_GROUP_WAIT_MS,
      groupIntervalMs: OWN_GROUP_INTERVAL_MS,
      repeatIntervalMs: OWN_REPEAT_INTERVAL_MS,
      muteTimeIntervals: [],
      activeTimeIntervals: [],
      routes: [],
    },
    receivers: [receiver],
    inhibitRules: [
      {
        name: "critical over warning",
        source: [ownMatcher('severity="critical"')],
        target: [ownMatcher('severity="warning"')],
        equal: ["alertname", "instance", "job"],
      },
    ],
    timeIntervals: new Map(),
    templates: new Map(),
    resolveTimeoutMs: RESOLVE_TIMEOUT_MS,
  };
}
