/** What an engine is started with, after flags, environment and defaults have been settled. */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Environment } from "../config/paths.ts";

export interface EngineOptions {
  readonly version: string;
  readonly dataDir: string;
  readonly socketPath: string;
  /** Mode of the socket: 0600 for a user, 0660 as a service. */
  readonly socketMode: number;
  /** Undefined: no file, the host collector and discovery alone. */
  readonly configFile: string | undefined;
  /** `host:port` of each TCP listener; none: the socket only. */
  readonly listen: readonly string[];
  /** Prometheus' web.yml for the TCP listeners. */
  readonly webConfigFile: string | undefined;
  /** Prometheus' feature names. */
  readonly features: ReadonlySet<string> | undefined;
  readonly retentionMs: number | undefined;
  readonly retentionBytes: number | undefined;
  readonly queryTimeoutMs: number | undefined;
  readonly queryLookbackMs: number | undefined;
  /** Scrape what discovery finds without asking. */
  readonly discover: boolean;
  /** The child of a `top`: ends when its last screen leaves. */
  readonly embedded: boolean;
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Logger;
}

/** As Prometheus keeps by default. */
export const RETENTION_MS_DEFAULT: number = 15 * 86_400_000;
