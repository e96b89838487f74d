/** The shape of a file in this folder: everything opsmon knows about one exporter, as data. */
import type { PanelSpec } from "../src/panel/spec.ts";

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
