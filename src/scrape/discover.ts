/**
 * Finds exporters on the machine's loopback address by their well-known ports and a metric only they expose.
 */

/** The part of a scraper's description that discovery needs; `ScraperSpec` has it. */
export interface ExporterFingerprint {
  readonly name: string;
  readonly doc: string;
  readonly ports: readonly number[];
  readonly metricsPath: string;
  /** Any one of these metrics recognises the exporter. */
  readonly fingerprints: readonly string[];
}

/** An exporter found on a well-known port. */
export interface DiscoveredTarget {
  readonly scraper: string;
  readonly url: string;
  readonly doc: string;
}

export interface DiscoverOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** For each port: connect, headers and the first part of the body; default 500. */
  readonly timeoutMs?: number;
  /** Bytes of a page that are looked at; default 64 KiB. */
  readonly bodyBytesMax?: number;
  readonly signal?: AbortSignal;
}

export declare function discoverExporters(
  specs: readonly ExporterFingerprint[],
  options?: DiscoverOptions,
): Promise<readonly DiscoveredTarget[]>;
