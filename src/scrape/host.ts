/**
 * The built-in host collector: /proc and /sys in, series with node_exporter's names out.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Appendable } from "../storage/storage.ts";
import type { ScrapeTargetStatus } from "./status.ts";

export interface HostCollectorOptions {
  readonly appendable: Appendable;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default `/proc`. */
  readonly procPath?: string;
  /** Default `/sys`. */
  readonly sysPath?: string;
  /** Default the machine's host name. */
  readonly instance?: string;
  /** Default `node`. */
  readonly job?: string;
  /** Default 1,000. */
  readonly intervalMs?: number;
}

export interface HostCollector {
  /** Collects once per interval until `close`. */
  start(): void;
  /** Collects and commits once, now. Call twice, 250 ms apart, and every rate has a value. */
  collect(): Promise<void>;
  /** The collector as a target, for `opsmon targets`; `warnings` name what could not be read. */
  status(): ScrapeTargetStatus;
  close(): Promise<void>;
}

export declare function createHostCollector(options: HostCollectorOptions): HostCollector;
