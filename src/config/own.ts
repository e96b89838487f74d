/** opsmon's own settings, all under the top-level key `opsmon:`; a file without it is a plain prometheus.yml. */
import { type Decode, bool, checked, choice, describe, fields, integer, list, record, text } from "../base/shape.ts";
import type { Findings } from "../base/shape.ts";
import type { YamlNode } from "../base/yaml.ts";
import type { OwnConfig, PanelOverride, RulePackConfig, TelegramConfig, TierConfig } from "./config.ts";
import { type Context, duration, filePath, interval, secret, secretFile, size, url } from "./context.ts";

const DAY_MS = 86_400_000;
/** Own records outlive raw samples: `why` and reports look back a year. */
const JOURNAL_RETENTION_MS = 400 * DAY_MS;
const NO_DATA_HOLD_MS = DAY_MS;
const HOST_INTERVAL_MS = 2_000;
const DISCOVER_INTERVAL_MS = 60_000;
const TELEGRAM_API = "https://api.telegram.org";

export const OWN_DEFAULTS: OwnConfig = {
  alertmanagerConfigFile: undefined,
  rulePacks: [],
  telegram: undefined,
  tiers: undefined,
  coldDir: undefined,
  keepFreeBytes: undefined,
  journalRetentionMs: JOURNAL_RETENTION_MS,
  panels: [],
  hostCollector: { enabled: true, intervalMs: HOST_INTERVAL_MS, instance: undefined },
  discover: { enabled: true, add: false, intervalMs: DISCOVER_INTERVAL_MS },
  limits: {
    maxSeries: undefined,
    maxSeriesPerTarget: undefined,
    maxSeriesPerJob: undefined,
    querySamplesMax: undefined,
    queryTimeoutMs: undefined,
    queryConcurrency: undefined,
  },
  alerts: { onNoData: "state", noDataHoldMs: NO_DATA_HOLD_MS },
  externalUrl: undefined,
};

const packShape = fields(
  { name: text, vars: record(text), enabled: bool },
  { what: "a rule pack", required: ["name"] },
);

/** `- redis` is short for `- name: redis`. */
const pack: Decode<RulePackConfig> = (node, findings) => {
  const at = { line: node.line, column: node.column };
  if (node.kind === "scalar" && !node.isNull) return { name: node.text, vars: {}, enabled: true, at };
  const read = packShape(node, findings);
  if (read?.got.name === undefined) return undefined;
  return { name: read.got.name, vars: read.got.vars ?? {}, enabled: read.got.enabled ?? true, at };
};

const CHAT = /^(?:-?\d{1,20}|@[A-Za-z]\w{3,})$/;
const chat: Decode<string> = checked(text, (value, node, findings) => {
  if (CHAT.test(value) || value.includes("${")) return;
  findings.error(
    node,
    `"${value}" is not a chat`,
    "a number (negative for groups) or @channel; the bot shows it on /start",
  );
});
const chats: Decode<readonly string[]> = (node, findings) => {
  if (node.kind === "seq") return list(chat)(node, findings);
  const one = chat(node, findings);
  return one === undefined ? undefined : [one];
};

function telegram(context: Context): Decode<TelegramConfig> {
  const shape = fields(
    {
      bot_token: secret(context),
      bot_token_file: secretFile(context),
      chat_id: chats,
      chat_ids: chats,
      message_thread_id: integer(1),
      api_url: url(context),
      proxy_url: url(context, ["http:", "https:", "socks5:"]),
      allowed_users: list(integer(1)),
      parse_mode: choice("HTML", "none"),
      send_resolved: bool,
      pictures: bool,
    },
    { what: "telegram" },
  );
  return (node, findings) => {
    const read = shape(node, findings);
    if (read === undefined) return undefined;
    const { got } = read;
    if (read.has("bot_token") && read.has("bot_token_file")) {
      findings.error(read.place("bot_token_file"), '"bot_token" and "bot_token_file" exclude each other', "remove one");
    }
    const botToken = got.bot_token ?? got.bot_token_file;
    const chatIds = [...(got.chat_id ?? []), ...(got.chat_ids ?? [])];
    if (!read.has("bot_token") && !read.has("bot_token_file")) {
      findings.error(node, 'telegram needs "bot_token" or "bot_token_file"', "BotFather gives the token");
    }
    if (!read.has("chat_id") && !read.has("chat_ids")) findings.error(node, 'telegram needs "chat_id"');
    if (botToken === undefined || chatIds.length === 0) return undefined;
    return {
      botToken,
      chatIds,
      messageThreadId: got.message_thread_id,
      apiUrl: (got.api_url ?? TELEGRAM_API).replace(/\/+$/, ""),
      proxyUrl: got.proxy_url,
      allowedUsers: got.allowed_users ?? [],
      parseMode: got.parse_mode === "none" ? "" : "HTML",
      sendResolved: got.send_resolved ?? true,
      pictures: got.pictures ?? true,
    };
  };
}

const tierShape = fields(
  { resolution: interval, retention: interval },
  { what: "a tier", required: ["resolution", "retention"] },
);
const tier: Decode<TierConfig> = (node, findings) => {
  const read = tierShape(node, findings);
  if (read?.got.resolution === undefined || read.got.retention === undefined) return undefined;
  return { resolutionMs: read.got.resolution, retentionMs: read.got.retention };
};

/** Each tier coarser than the one before it, and a whole multiple of it, so buckets nest. */
const tiers: Decode<readonly TierConfig[]> = checked(list(tier), (value, node, findings) => {
  value.forEach((current, i) => {
    const before = value[i - 1];
    const at = node.kind === "seq" ? (node.items[i] ?? node) : node;
    if (before === undefined) return;
    if (current.resolutionMs <= before.resolutionMs) findings.error(at, "tiers must be ordered from fine to coarse");
    else if (current.resolutionMs % before.resolutionMs !== 0) {
      findings.error(at, "a tier's resolution must be a whole multiple of the one before it");
    }
  });
});

function panels(node: YamlNode, findings: Findings): readonly PanelOverride[] | undefined {
  if (node.kind === "map") return node.entries.map((entry) => ({ id: entry.key, node: entry.value }));
  if (node.kind === "scalar" && node.isNull) return [];
  if (node.kind !== "seq") return findings.error(node, `${describe(node)} where panels are expected`);
  return node.items.flatMap((item) => {
    const id = item.kind === "map" ? item.entries.find((entry) => entry.key === "id")?.value : undefined;
    if (id?.kind === "scalar" && id.text !== "") return [{ id: id.text, node: item }];
    findings.error(item, 'a panel needs "id"');
    return [];
  });
}

const hostShape = fields({ enabled: bool, interval, instance: text }, { what: "host_collector" });
const discoverShape = fields({ enabled: bool, add: bool, interval }, { what: "discover" });
const limitsShape = fields(
  {
    max_series: integer(1),
    max_series_per_target: integer(1),
    max_series_per_job: integer(1),
    query_max_samples: integer(1),
    query_timeout: interval,
    query_concurrency: integer(1, 1000),
  },
  { what: "limits" },
);
const alertsShape = fields({ on_no_data: choice("state", "resolve"), no_data_hold: duration }, { what: "alerts" });

export function ownSection(context: Context): Decode<OwnConfig> {
  const shape = fields(
    {
      alertmanager_config_file: filePath(context),
      rule_packs: list(pack),
      telegram: telegram(context),
      tiers,
      cold: filePath(context),
      keep_free: size,
      journal_retention: interval,
      panels,
      host_collector: hostShape,
      discover: discoverShape,
      limits: limitsShape,
      alerts: alertsShape,
      external_url: url(context),
    },
    { what: 'the "opsmon" section' },
  );
  return (node, findings) => {
    const read = shape(node, findings);
    if (read === undefined) return undefined;
    const { got } = read;
    const host = got.host_collector?.got;
    const discover = got.discover?.got;
    const limits = got.limits?.got;
    const alerts = got.alerts?.got;
    const base = OWN_DEFAULTS;
    return {
      alertmanagerConfigFile: got.alertmanager_config_file,
      rulePacks: got.rule_packs ?? [],
      telegram: got.telegram,
      tiers: got.tiers,
      coldDir: got.cold,
      keepFreeBytes: got.keep_free,
      journalRetentionMs: got.journal_retention ?? base.journalRetentionMs,
      panels: got.panels ?? [],
      hostCollector: {
        enabled: host?.enabled ?? true,
        intervalMs: host?.interval ?? base.hostCollector.intervalMs,
        instance: host?.instance,
      },
      discover: {
        enabled: discover?.enabled ?? true,
        add: discover?.add ?? false,
        intervalMs: discover?.interval ?? base.discover.intervalMs,
      },
      limits: {
        maxSeries: limits?.max_series,
        maxSeriesPerTarget: limits?.max_series_per_target,
        maxSeriesPerJob: limits?.max_series_per_job,
        querySamplesMax: limits?.query_max_samples,
        queryTimeoutMs: limits?.query_timeout,
        queryConcurrency: limits?.query_concurrency,
      },
      alerts: {
        onNoData: alerts?.on_no_data ?? base.alerts.onNoData,
        noDataHoldMs: alerts?.no_data_hold ?? base.alerts.noDataHoldMs,
      },
      externalUrl: got.external_url,
    };
  };
}
