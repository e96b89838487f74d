/** What a panel is, before any data: expressions, unit, thresholds and where it belongs. Pure data. */
import type { Unit } from "../model/unit.ts";

export type { Unit };

export type ViewId =
  | "overview"
  | "hosts"
  | "postgres"
  | "redis"
  | "rabbitmq"
  | "services"
  | "web"
  | "storage"
  | "business"
  | "alerts"
  | "targets"
  | "explore";

/** `U`tilisation, `S`aturation, `E`rrors of a resource; `R`ate, `E`rrors, `D`uration of a service. */
export type Method = "USE.U" | "USE.S" | "USE.E" | "RED.R" | "RED.E" | "RED.D" | "none";

export interface PanelQuery {
  /**
   * PromQL, tried in order until one has data: exporters rename metrics between versions. `$rate` stands for
   * the window the screen computes from span and scrape interval, `$filter` for the screen's label filter.
   */
  readonly exprs: readonly string[];
  /** Legend with `{{label}}` holes. */
  readonly legend: string;
}

export interface Threshold {
  readonly at: number;
  readonly state: "warn" | "crit";
  /** True: being under `at` is bad (free space, hit ratio). */
  readonly below?: boolean;
}

export interface PanelSpec {
  /** Stable, e.g. `redis.memory`; coverage and user overrides name it. */
  readonly id: string;
  readonly view: ViewId;
  readonly title: string;
  readonly method: Method;
  /** The thing watched, e.g. `cpu`, `memory`, `connections`: one line of the overview's health table. */
  readonly resource: string;
  readonly kind: "chart" | "stat" | "gauge" | "bar" | "table";
  readonly unit: Unit;
  readonly queries: readonly PanelQuery[];
  readonly min?: number;
  readonly max?: number;
  readonly thresholds?: readonly Threshold[];
  /** 1 is shown first and dropped last. */
  readonly priority: 1 | 2 | 3 | 4 | 5;
  /** Said where the numbers need a caveat, e.g. "mean: the exporter has no histogram". */
  readonly note?: string;
}
