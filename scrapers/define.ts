/**
 * The shape of a file in this folder: everything opsmon knows about one exporter, as data. `chart`, `stat`, `bar`,
 * `table` and `gauge` write a panel in a few lines: its view is the first part of its id, its resource the view
 * unless told. In expressions every selector carries `$filter`, and every range is `$rate` unless its length is
 * part of what the number means.
 */
import type { PanelQuery, PanelSpec, Threshold, Unit, ViewId } from "../src/panel/spec.ts";

export interface ScraperSpec {
  /** Unique, e.g. `redis`; also the default job name of a discovered target. */
  readonly name: string;
  /** One sentence for `opsmon targets` and discovery. */
  readonly doc: string;
  /** Ports worth trying on loopback, the well-known one first. */
  readonly ports: readonly number[];
  readonly metricsPath: string;
  /** A metric only this exporter exposes; any one of them recognises it. */
  readonly fingerprints: readonly string[];
  readonly panels: readonly PanelSpec[];
  /** Rule packs under `rules/` that make sense when this exporter is scraped. */
  readonly rulePacks: readonly string[];
}

export function defineScraper(spec: ScraperSpec): ScraperSpec {
  return spec;
}

type Extra = Partial<Omit<PanelSpec, "id" | "title" | "unit" | "kind" | "queries" | "view">>;
type Define = (id: string, title: string, unit: Unit, queries: readonly PanelQuery[], extra?: Extra) => PanelSpec;

/** One query: a legend and expressions tried in order until one has data. */
export function q(legend: string, ...exprs: readonly string[]): PanelQuery {
  return { legend, exprs };
}

export const chart: Define = (...args) => define("chart", ...args);
export const stat: Define = (...args) => define("stat", ...args);
export const bar: Define = (...args) => define("bar", ...args);
export const table: Define = (...args) => define("table", ...args);
export const gauge: Define = (...args) => define("gauge", ...args);

function define(kind: PanelSpec["kind"], ...[id, title, unit, queries, extra]: Parameters<Define>): PanelSpec {
  const view = id.slice(0, id.indexOf(".")) as ViewId;
  return { id, view, title, unit, kind, queries, method: "none", resource: view, priority: 3, ...extra };
}

/** Warning and critical above these. */
export function over(warn: number, crit?: number): readonly Threshold[] {
  const thresholds: Threshold[] = [{ at: warn, state: "warn" }];
  if (crit !== undefined) thresholds.push({ at: crit, state: "crit" });
  return thresholds;
}

/** Warning and critical below these. */
export function under(warn: number, crit?: number): readonly Threshold[] {
  return over(warn, crit).map((threshold) => ({ ...threshold, below: true }));
}

/** What must not happen at all. */
export const ANY_IS_CRITICAL: readonly Threshold[] = [{ at: 0, state: "crit" }];
export const ANY_IS_WARNING: readonly Threshold[] = [{ at: 0, state: "warn" }];
/** For `up` and its kin: 1 is well, 0 is down. */
export const DOWN_IS_CRITICAL: readonly Threshold[] = [{ at: 1, state: "crit", below: true }];
