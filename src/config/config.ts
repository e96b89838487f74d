/**
 * What a configuration file says, after defaults: a prometheus.yml, plus opsmon's own settings under the one
 * top-level key `opsmon:`. Durations are ms, sizes bytes, paths absolute (relative ones are taken from the
 * file's own directory), secrets never print. Files named here are not read yet, except by `Secret.reveal()`.
 */
import type { Position, YamlNode } from "../base/yaml.ts";
import type { DiscoveryConfig, HttpClientConfig, ScrapeJob, Secret } from "../model/job.ts";
import type { Labels } from "../model/labels.ts";
import type { RelabelRule } from "../model/relabel.ts";

export interface GlobalConfig {
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
  readonly evaluationIntervalMs: number;
  readonly ruleQueryOffsetMs: number;
  readonly externalLabels: Labels;
  readonly queryLogFile: string | undefined;
}

/** An Alertmanager elsewhere that opsmon sends alerts to. */
export interface AlertmanagerTarget {
  readonly scheme: "http" | "https";
  readonly pathPrefix: string;
  readonly timeoutMs: number;
  readonly http: HttpClientConfig;
  readonly discovery: readonly DiscoveryConfig[];
  readonly relabel: readonly RelabelRule[];
  readonly alertRelabel: readonly RelabelRule[];
}

export interface RemoteWriteConfig {
  readonly name: string;
  readonly url: Secret;
  readonly timeoutMs: number;
  readonly http: HttpClientConfig;
  readonly headers: Readonly<Record<string, string>>;
  readonly writeRelabel: readonly RelabelRule[];
  readonly sendExemplars: boolean;
  readonly queue: {
    readonly capacity: number;
    readonly maxSamplesPerSend: number;
    readonly batchSendDeadlineMs: number;
    readonly minBackoffMs: number;
    readonly maxBackoffMs: number;
    /** 0 = samples of any age are sent. */
    readonly sampleAgeLimitMs: number;
  };
}

export interface RemoteReadConfig {
  readonly name: string;
  readonly url: Secret;
  readonly timeoutMs: number;
  readonly http: HttpClientConfig;
  readonly headers: Readonly<Record<string, string>>;
  /** Only selectors with all these matchers are answered by it. */
  readonly requiredMatchers: Readonly<Record<string, string>>;
  readonly readRecent: boolean;
}

export interface StorageConfig {
  /** Undefined: not given in the file, the program's default applies. */
  readonly retentionMs: number | undefined;
  readonly retentionBytes: number | undefined;
  readonly outOfOrderWindowMs: number;
}

export interface RulePackConfig {
  /** `redis` stands for `rules/redis.yaml`. */
  readonly name: string;
  readonly vars: Readonly<Record<string, string>>;
  readonly enabled: boolean;
  readonly at: Position;
}

export interface TelegramConfig {
  readonly botToken: Secret;
  /** Numeric ids (negative for groups) or `@channel`. */
  readonly chatIds: readonly string[];
  readonly messageThreadId: number | undefined;
  readonly apiUrl: string;
  readonly proxyUrl: string | undefined;
  /** Numeric user ids that may press buttons; empty: nobody. */
  readonly allowedUsers: readonly number[];
  readonly parseMode: "HTML" | "";
  readonly sendResolved: boolean;
  readonly pictures: boolean;
}

export interface TierConfig {
  readonly resolutionMs: number;
  readonly retentionMs: number;
}

/** The user's own panels and changes to shipped ones; checked where panels are built. */
export interface PanelOverride {
  readonly id: string;
  readonly node: YamlNode;
}

export interface OwnConfig {
  readonly alertmanagerConfigFile: string | undefined;
  readonly rulePacks: readonly RulePackConfig[];
  readonly telegram: TelegramConfig | undefined;
  readonly tiers: readonly TierConfig[] | undefined;
  readonly coldDir: string | undefined;
  /** Free bytes of the disk below which the oldest samples go. */
  readonly keepFreeBytes: number | undefined;
  readonly journalRetentionMs: number;
  readonly panels: readonly PanelOverride[];
  readonly hostCollector: {
    readonly enabled: boolean;
    readonly intervalMs: number;
    readonly instance: string | undefined;
  };
  /** Looking for exporters on loopback ports; `add` scrapes what is found without asking. */
  readonly discover: { readonly enabled: boolean; readonly add: boolean; readonly intervalMs: number };
  readonly limits: {
    readonly maxSeries: number | undefined;
    readonly maxSeriesPerTarget: number | undefined;
    readonly maxSeriesPerJob: number | undefined;
    readonly querySamplesMax: number | undefined;
    readonly queryTimeoutMs: number | undefined;
    readonly queryConcurrency: number | undefined;
  };
  readonly alerts: {
    /** `state`: an alert whose source went silent is kept as `nodata`; `resolve`: as Prometheus does. */
    readonly onNoData: "state" | "resolve";
    /** After so long without data the alert is closed with that reason. */
    readonly noDataHoldMs: number;
  };
  readonly externalUrl: string | undefined;
}

export interface Config {
  readonly file: string;
  readonly global: GlobalConfig;
  readonly scrapeJobs: readonly ScrapeJob[];
  /** Glob patterns, absolute. */
  readonly ruleFiles: readonly string[];
  readonly alertmanagers: readonly AlertmanagerTarget[];
  readonly remoteWrite: readonly RemoteWriteConfig[];
  readonly remoteRead: readonly RemoteReadConfig[];
  readonly storage: StorageConfig;
  readonly own: OwnConfig;
  /** The file's own tree and which scalars in it are secrets, for `config show`. */
  readonly source: { readonly root: YamlNode | undefined; readonly secrets: ReadonlySet<YamlNode> };
}

/** How the loader reaches the world; paths are absolute. */
export interface ConfigPorts {
  /** @throws anything; its text becomes part of the problem. */
  readonly readFile: (path: string) => string;
  readonly env: Readonly<Record<string, string | undefined>>;
}
