/** remote_write, remote_read and alerting.alertmanagers. */
import { type Decode, type Findings, bool, choice, fields, float, integer, list, record, text } from "../base/shape.ts";
import { Secret } from "../model/job.ts";
import type { AlertmanagerTarget, RemoteReadConfig, RemoteWriteConfig } from "./config.ts";
import type { RelabelRule } from "../model/relabel.ts";
import { type Context, duration, interval, url } from "./context.ts";
import { UNSUPPORTED_DISCOVERY, discoveries, discoveryShape } from "./discovery.ts";
import { HTTP_UNSUPPORTED, httpClient, httpShape } from "./http.ts";
import { relabelRules } from "./relabel.ts";

const TIMEOUT_WRITE_MS = 30_000;
const TIMEOUT_READ_MS = 60_000;
const TIMEOUT_ALERTS_MS = 10_000;

const queueShape = fields(
  {
    capacity: integer(1),
    max_shards: integer(1),
    min_shards: integer(1),
    max_samples_per_send: integer(1),
    batch_send_deadline: interval,
    min_backoff: interval,
    max_backoff: interval,
    retry_on_http_429: bool,
    sample_age_limit: duration,
  },
  { what: "queue_config" },
);

const metadataShape = fields(
  { send: bool, send_interval: interval, max_samples_per_send: integer(1) },
  { what: "metadata_config" },
);

export function remoteWrites(context: Context): Decode<readonly RemoteWriteConfig[]> {
  const shape = fields(
    {
      ...httpShape(context),
      url: url(context),
      name: text,
      remote_timeout: interval,
      headers: record(text),
      write_relabel_configs: relabelRules,
      send_exemplars: bool,
      send_native_histograms: bool,
      round_robin_dns: bool,
      protobuf_message: text,
      queue_config: queueShape,
      metadata_config: metadataShape,
    },
    { what: "a remote_write", required: ["url"], unsupported: HTTP_UNSUPPORTED },
  );
  const one: Decode<RemoteWriteConfig> = (node, findings) => {
    const read = shape(node, findings);
    if (read?.got.url === undefined) return undefined;
    const { got } = read;
    if (got.protobuf_message !== undefined && got.protobuf_message !== "prometheus.WriteRequest") {
      findings.warn(
        read.place("protobuf_message"),
        `"${got.protobuf_message}" is not supported`,
        "remote write 1.0 is used",
      );
    }
    const queue = got.queue_config?.got ?? {};
    return {
      name: got.name ?? hostOf(got.url as string),
      url: new Secret(got.url as string),
      timeoutMs: got.remote_timeout ?? TIMEOUT_WRITE_MS,
      http: httpClient(read, findings),
      headers: got.headers ?? {},
      writeRelabel: got.write_relabel_configs ?? [],
      sendExemplars: got.send_exemplars ?? false,
      queue: {
        capacity: queue.capacity ?? 10_000,
        maxSamplesPerSend: queue.max_samples_per_send ?? 2_000,
        batchSendDeadlineMs: queue.batch_send_deadline ?? 5_000,
        minBackoffMs: queue.min_backoff ?? 30,
        maxBackoffMs: queue.max_backoff ?? 5_000,
        sampleAgeLimitMs: queue.sample_age_limit ?? 0,
      },
    };
  };
  return uniquelyNamed(list(one), "remote_write");
}

export function remoteReads(context: Context): Decode<readonly RemoteReadConfig[]> {
  const shape = fields(
    {
      ...httpShape(context),
      url: url(context),
      name: text,
      remote_timeout: interval,
      headers: record(text),
      required_matchers: record(text),
      read_recent: bool,
      chunked_read_limit: float,
      filter_external_labels: bool,
    },
    { what: "a remote_read", required: ["url"], unsupported: HTTP_UNSUPPORTED },
  );
  const one: Decode<RemoteReadConfig> = (node, findings) => {
    const read = shape(node, findings);
    if (read?.got.url === undefined) return undefined;
    const { got } = read;
    return {
      name: got.name ?? hostOf(got.url as string),
      url: new Secret(got.url as string),
      timeoutMs: got.remote_timeout ?? TIMEOUT_READ_MS,
      http: httpClient(read, findings),
      headers: got.headers ?? {},
      requiredMatchers: got.required_matchers ?? {},
      readRecent: got.read_recent ?? false,
    };
  };
  return uniquelyNamed(list(one), "remote_read");
}

function hostOf(address: string): string {
  return new URL(address).host;
}

/** Names from the same host get a number; names the user gave twice are a mistake. */
function uniquelyNamed<T extends { readonly name: string }>(
  decode: Decode<readonly T[]>,
  what: string,
): Decode<readonly T[]> {
  return (node, findings: Findings) => {
    const items = decode(node, findings);
    const seen = new Map<string, number>();
    return items?.map((item, i) => {
      const count = (seen.get(item.name) ?? 0) + 1;
      seen.set(item.name, count);
      if (count === 1) return item;
      const at = node.kind === "seq" ? (node.items[i] ?? node) : node;
      findings.warn(at, `${what} "${item.name}" is given twice`, `the second one is called "${item.name}-${count}"`);
      return { ...item, name: `${item.name}-${count}` };
    });
  };
}

export interface AlertingSection {
  readonly alertRelabel: readonly RelabelRule[];
  readonly alertmanagers: readonly AlertmanagerTarget[];
}

export function alerting(context: Context, file: string): Decode<AlertingSection> {
  const target = fields(
    {
      ...httpShape(context),
      ...discoveryShape(context, file),
      scheme: choice("http", "https"),
      path_prefix: text,
      timeout: interval,
      api_version: choice("v1", "v2"),
      relabel_configs: relabelRules,
      alert_relabel_configs: relabelRules,
    },
    { what: "an alertmanager", unsupported: { ...UNSUPPORTED_DISCOVERY, ...HTTP_UNSUPPORTED } },
  );
  const one: Decode<AlertmanagerTarget> = (node, findings) => {
    const read = target(node, findings);
    if (read === undefined) return undefined;
    const { got } = read;
    if (got.api_version === "v1")
      findings.error(read.place("api_version"), 'api_version "v1" is gone', "Alertmanager 0.27 removed it; use v2");
    return {
      scheme: got.scheme ?? "http",
      pathPrefix: got.path_prefix ?? "",
      timeoutMs: got.timeout ?? TIMEOUT_ALERTS_MS,
      http: httpClient(read, findings),
      discovery: discoveries(got),
      relabel: got.relabel_configs ?? [],
      alertRelabel: got.alert_relabel_configs ?? [],
    };
  };
  const shape = fields({ alert_relabel_configs: relabelRules, alertmanagers: list(one) }, { what: "alerting" });
  return (node, findings) => {
    const read = shape(node, findings);
    return read && { alertRelabel: read.got.alert_relabel_configs ?? [], alertmanagers: read.got.alertmanagers ?? [] };
  };
}
