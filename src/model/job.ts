/** A scrape job as configuration states it and the scraper carries it out. All durations in ms. */
import type { RelabelRule } from "./relabel.ts";

/** A secret that never prints: only `reveal()` gives it. */
export class Secret {
  readonly #read: () => string;
  /** @param read called each time, so a rotated `*_file` is picked up. */
  constructor(read: string | (() => string)) {
    this.#read = typeof read === "string" ? () => read : read;
  }
  reveal(): string {
    return this.#read();
  }
  toString(): string {
    return "<secret>";
  }
  toJSON(): string {
    return "<secret>";
  }
}

export interface TlsConfig {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify: boolean;
}

/** How to reach a target or a discovery endpoint. */
export interface HttpClientConfig {
  readonly basicAuth?: { readonly username: string; readonly password: Secret };
  readonly authorization?: { readonly type: string; readonly credentials: Secret };
  readonly tls?: TlsConfig;
  readonly headers?: Readonly<Record<string, string>>;
  readonly proxyUrl?: string;
  readonly followRedirects: boolean;
}

/** Addresses that share labels: one element of `static_configs` or of a discovery file. */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Where it came from, for `opsmon targets`. */
  readonly source: string;
}

export type DiscoveryConfig =
  | { readonly kind: "static"; readonly groups: readonly TargetGroup[] }
  | { readonly kind: "file"; readonly files: readonly string[]; readonly refreshMs: number }
  | { readonly kind: "http"; readonly url: string; readonly refreshMs: number; readonly http: HttpClientConfig }
  | {
      readonly kind: "dns";
      readonly names: readonly string[];
      readonly type: "SRV" | "A" | "AAAA" | "MX" | "NS";
      readonly port: number;
      readonly refreshMs: number;
    };

export interface ScrapeJob {
  readonly name: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly metricsPath: string;
  readonly scheme: "http" | "https";
  readonly params: Readonly<Record<string, readonly string[]>>;
  readonly honorLabels: boolean;
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  readonly enableCompression: boolean;
  readonly http: HttpClientConfig;
  readonly discovery: readonly DiscoveryConfig[];
  readonly relabel: readonly RelabelRule[];
  readonly metricRelabel: readonly RelabelRule[];
  /** 0 = the program's default limit applies. */
  readonly bodySizeLimitBytes: number;
  readonly sampleLimit: number;
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
  readonly targetLimit: number;
}
