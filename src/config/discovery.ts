/** Where targets come from: static lists, files, HTTP, DNS. Everything else Prometheus knows is named and skipped. */
import { type Decode, choice, fields, integer, list, record, text } from "../base/shape.ts";
import type { DiscoveryConfig, TargetGroup } from "../model/job.ts";
import { type Context, filePath, interval, url } from "./context.ts";
import { HTTP_UNSUPPORTED, httpClient, httpShape } from "./http.ts";

const REFRESH_FILE_MS = 5 * 60_000;
const REFRESH_HTTP_MS = 60_000;
const REFRESH_DNS_MS = 30_000;

const BRIDGE = "write its targets with a bridge into file_sd or http_sd; the job is skipped";

/** Discoveries of Prometheus 3 that opsmon names and skips. */
export const UNSUPPORTED_DISCOVERY: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "aws",
    "azure",
    "consul",
    "digitalocean",
    "docker",
    "dockerswarm",
    "ec2",
    "eureka",
    "gce",
    "hetzner",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "nerve",
    "nomad",
    "openstack",
    "ovhcloud",
    "puppetdb",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
  ].map((name) => [`${name}_sd_configs`, BRIDGE]),
);

/** host:port or [v6]:port; a path or scheme here is the commonest mistake of all. */
const address: Decode<string> = (node, findings) => {
  const value = text(node, findings);
  if (value === undefined) return undefined;
  if (value.includes("/")) {
    return findings.error(
      node,
      `"${value}" is not a host:port address`,
      "the scheme goes to scheme:, the path to metrics_path:",
    );
  }
  return value;
};

function staticConfig(where: string, target: Decode<string>): Decode<TargetGroup> {
  const shape = fields({ targets: list(target), labels: record(text) }, { what: "a static config" });
  return (node, findings) => {
    const read = shape(node, findings);
    if (read === undefined) return undefined;
    return {
      targets: read.got.targets ?? [],
      labels: read.got.labels ?? {},
      source: `${where}:${node.line}`,
    };
  };
}

export interface DiscoveryShape extends Readonly<Record<string, Decode<unknown>>> {
  readonly static_configs: Decode<readonly TargetGroup[]>;
  readonly file_sd_configs: Decode<readonly DiscoveryConfig[]>;
  readonly http_sd_configs: Decode<readonly DiscoveryConfig[]>;
  readonly dns_sd_configs: Decode<readonly DiscoveryConfig[]>;
}

/**
 * @param rewritten The job's relabelling writes `__address__` itself: then a target may be anything, as the URLs that
 *   a blackbox exporter is asked to probe.
 */
export function discoveryShape(context: Context, file: string, rewritten = false): DiscoveryShape {
  return {
    static_configs: list(staticConfig(file, rewritten ? text : address)),
    file_sd_configs: list(fileDiscovery(context)),
    http_sd_configs: list(httpDiscovery(context)),
    dns_sd_configs: list(dnsDiscovery),
  };
}

/** All discoveries of one job, static first. */
export function discoveries(got: {
  readonly static_configs?: readonly TargetGroup[];
  readonly file_sd_configs?: readonly DiscoveryConfig[];
  readonly http_sd_configs?: readonly DiscoveryConfig[];
  readonly dns_sd_configs?: readonly DiscoveryConfig[];
}): readonly DiscoveryConfig[] {
  const groups = got.static_configs ?? [];
  return [
    ...(groups.length > 0 ? [{ kind: "static", groups } as const] : []),
    ...(got.file_sd_configs ?? []),
    ...(got.http_sd_configs ?? []),
    ...(got.dns_sd_configs ?? []),
  ];
}

const FILE_PATTERN = /^[^*]*(?:\*[^/]*)?\.(?:json|yml|yaml|JSON|YML|YAML)$/;

function fileDiscovery(context: Context): Decode<DiscoveryConfig> {
  const pattern: Decode<string> = (node, findings) => {
    const path = filePath(context)(node, findings);
    if (path === undefined || FILE_PATTERN.test(path)) return path;
    return findings.error(
      node,
      `"${path}" is not a file pattern`,
      "end it with .json, .yml or .yaml; * only in the last part",
    );
  };
  const shape = fields(
    { files: list(pattern), refresh_interval: interval },
    { what: "a file_sd config", required: ["files"] },
  );
  return (node, findings) => {
    const read = shape(node, findings);
    if (read === undefined) return undefined;
    if (read.has("files") && read.got.files?.length === 0) findings.error(node, "a file_sd config without files");
    return { kind: "file", files: read.got.files ?? [], refreshMs: read.got.refresh_interval ?? REFRESH_FILE_MS };
  };
}

function httpDiscovery(context: Context): Decode<DiscoveryConfig> {
  const shape = fields(
    { ...httpShape(context), url: url(context), refresh_interval: interval },
    { what: "an http_sd config", required: ["url"], unsupported: HTTP_UNSUPPORTED },
  );
  return (node, findings) => {
    const read = shape(node, findings);
    if (read?.got.url === undefined) return undefined;
    const http = httpClient(read, findings);
    return { kind: "http", url: read.got.url, refreshMs: read.got.refresh_interval ?? REFRESH_HTTP_MS, http };
  };
}

const dnsShape = fields(
  {
    names: list(text),
    type: choice("SRV", "A", "AAAA", "MX", "NS"),
    port: integer(0, 65_535),
    refresh_interval: interval,
  },
  { what: "a dns_sd config", required: ["names"] },
);

const dnsDiscovery: Decode<DiscoveryConfig> = (node, findings) => {
  const read = dnsShape(node, findings);
  if (read === undefined) return undefined;
  const type = read.got.type ?? "SRV";
  if (type !== "SRV" && read.got.port === undefined) {
    findings.error(node, `a dns_sd config of type ${type} needs "port"`);
  }
  return {
    kind: "dns",
    names: read.got.names ?? [],
    type,
    port: read.got.port ?? 0,
    refreshMs: read.got.refresh_interval ?? REFRESH_DNS_MS,
  };
};
