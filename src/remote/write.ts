/**
 * Remote write 1.0: compressed bytes to columns and back.
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec/
 */
import type { Metadata, MetricType } from "../model/metadata.ts";
import type { Appender } from "../storage/storage.ts";
import type { RemoteSeries, WriteRequest } from "./message.ts";
import { NO_REF } from "../model/sample.ts";
import { Intake } from "./intake.ts";
import { ProtoReader, ProtoWriter } from "./protobuf.ts";
import { readSeries, writeSeries } from "./series.ts";
import { snappyDecode, snappyEncode } from "./snappy.ts";

/** Largest decoded request: Prometheus sends 2,000 samples (some 300 KB); bulk loaders send a few MB. */
export const WRITE_BYTES_MAX: number = 32 * 1024 * 1024;
/** By the number on the wire, in both versions. */
export const TYPES: readonly MetricType[] = [
  "unknown",
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
];

/** @throws UserError `bad-snappy`, `body-limit`, `bad-protobuf`. */
export function decodeWriteRequest(compressed: Uint8Array, bytesMax: number = WRITE_BYTES_MAX): WriteRequest {
  const reader = new ProtoReader(snappyDecode(compressed, bytesMax));
  const intake = new Intake();
  while (reader.next()) {
    if (reader.field === 1) intake.add(readSeries(reader));
    else if (reader.field === 3) intake.describe(...readMetadata(reader));
    else reader.skip();
  }
  return intake.finish();
}

function readMetadata(reader: ProtoReader): readonly [family: string, metadata: Metadata] {
  const around = reader.enter();
  let family = "";
  let type: MetricType = "unknown";
  let help = "";
  let unit = "";
  while (reader.next()) {
    if (reader.field === 1) type = TYPES[reader.number()] ?? "unknown";
    else if (reader.field === 2) family = reader.text();
    else if (reader.field === 4) help = reader.text();
    else if (reader.field === 5) unit = reader.text();
    else reader.skip();
  }
  reader.leave(around);
  return [family, { type, help, unit }];
}

export function encodeWriteRequest(
  series: readonly RemoteSeries[],
  metadata: ReadonlyMap<string, Metadata> = new Map(),
): Uint8Array {
  const writer = new ProtoWriter();
  for (const one of series) writer.message(1, (inner) => writeSeries(inner, one));
  for (const [family, { type, help, unit }] of metadata) {
    writer.message(3, (inner) => {
      inner.int64(1, Math.max(0, TYPES.indexOf(type))).text(2, family);
      if (help !== "") inner.text(4, help);
      if (unit !== "") inner.text(5, unit);
    });
  }
  return snappyEncode(writer.finish());
}

/** Series of one request with the same times, from so many on, are handed over as rows. */
const ROW_SERIES_MIN = 4;

/**
 * Puts a request's samples and descriptions into an appender; stale markers go in as such. The caller commits.
 *
 * Senders put what was scraped together next to each other with the same times, so most of a request is a block of
 * neighbouring series with equal times: those go in as rows, which the store keeps and logs far more cheaply.
 *
 * @returns samples of series that the store refused for its series limit.
 */
export function appendWriteRequest(request: WriteRequest, appender: Appender): number {
  let refused = 0;
  const { series } = request;
  for (let from = 0; from < series.length; ) {
    const { t } = series[from] as RemoteSeries;
    let to = from + 1;
    while (to < series.length && sameTimes(t, (series[to] as RemoteSeries).t)) to++;
    const block = series.slice(from, to);
    refused += block.length >= ROW_SERIES_MIN ? appendRows(block, t, appender) : appendOneByOne(block, appender);
    from = to;
  }
  for (const [family, metadata] of request.metadata) appender.describe(family, metadata);
  return refused;
}

function sameTimes(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Series with the same times: one row a time. */
function appendRows(block: readonly RemoteSeries[], times: Float64Array, appender: Appender): number {
  const refs = new Float64Array(block.length);
  let width = 0;
  const values = new Float64Array(block.length * times.length);
  const marks = block.some(({ stale }) => stale !== undefined) ? new Uint8Array(values.length) : undefined;
  for (const { labels, v, stale } of block) {
    const ref = appender.series(labels);
    if (ref === NO_REF) continue;
    refs[width] = ref;
    for (let i = 0; i < times.length; i++) {
      values[i * block.length + width] = v[i] as number;
      if (marks !== undefined && stale?.[i] === 1) marks[i * block.length + width] = 1;
    }
    width++;
  }
  for (let i = 0; i < times.length; i++) {
    const [from, to] = [i * block.length, i * block.length + width];
    appender.appendRow(refs, times[i] as number, values.subarray(from, to), width, marks?.subarray(from, to));
  }
  return (block.length - width) * times.length;
}

function appendOneByOne(block: readonly RemoteSeries[], appender: Appender): number {
  let refused = 0;
  for (const { labels, t, v, stale } of block) {
    const ref = appender.series(labels);
    if (ref === NO_REF) {
      refused += t.length;
      continue;
    }
    for (let i = 0; i < t.length; i++) {
      if (stale?.[i] === 1) appender.appendStale(ref, t[i] as number);
      else appender.append(ref, t[i] as number, v[i] as number);
    }
  }
  return refused;
}
