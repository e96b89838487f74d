/**
 * A series on the wire: labels and samples, shared by remote write and remote read.
 *
 * The stale marker is a NaN with certain bits. They are looked at as integers and never become a JS number: V8 may
 * rewrite the payload of a NaN.
 */
import type { RemoteSeries } from "./message.ts";
import type { ProtoReader, ProtoWriter } from "./protobuf.ts";
import { compareUtf8, Labels, METRIC_NAME } from "../model/labels.ts";
import { STALE_NAN_BITS } from "../model/sample.ts";

const STALE_LOW = Number(STALE_NAN_BITS & 0xffff_ffffn);
const STALE_HIGH = Number(STALE_NAN_BITS >> 32n);
/** Prometheus' ordinary NaN, for values that JS knows as NaN. */
const NORMAL_NAN_LOW = 1;
const NORMAL_NAN_HIGH = 0x7ff8_0000;
const NORMAL_NAN = Number.NaN;

export interface RawSeries {
  readonly pairs: readonly (readonly [name: string, value: string])[];
  readonly t: Float64Array;
  readonly v: Float64Array;
  readonly stale: Uint8Array | undefined;
  readonly exemplars: number;
  readonly histograms: number;
}

/** Decodes to doubles by halves, so the reader can tell the stale marker from other NaNs. */
const view = new DataView(new ArrayBuffer(8));
function toDouble(low: number, high: number): number {
  view.setUint32(0, low, true);
  view.setUint32(4, high, true);
  return view.getFloat64(0, true);
}

function readLabel(reader: ProtoReader): readonly [string, string] {
  const around = reader.enter();
  let name = "";
  let value = "";
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) value = reader.text();
    else reader.skip();
  }
  reader.leave(around);
  return [name, value];
}

/** Growing columns of one series. */
export class Samples {
  t: number[] = [];
  v: number[] = [];
  stale: number[] = [];

  read(reader: ProtoReader): void {
    const around = reader.enter();
    let t = 0;
    let low = 0;
    let high = 0;
    while (reader.next()) {
      if (reader.field === 1) {
        high = reader.bits();
        low = reader.low;
      } else if (reader.field === 2) t = reader.int64();
      else reader.skip();
    }
    reader.leave(around);
    const isStale = low === STALE_LOW && high === STALE_HIGH;
    if (isStale) this.stale.push(this.t.length);
    this.t.push(t);
    const value = isStale ? NORMAL_NAN : toDouble(low, high);
    this.v.push(Number.isNaN(value) ? NORMAL_NAN : value);
  }

  staleColumn(): Uint8Array | undefined {
    if (this.stale.length === 0) return undefined;
    const column = new Uint8Array(this.t.length);
    for (const index of this.stale) column[index] = 1;
    return column;
  }
}

/** Reads the nested message that `reader` stands before. @throws UserError `bad-protobuf`. */
export function readSeries(reader: ProtoReader): RawSeries {
  const around = reader.enter();
  const pairs: (readonly [string, string])[] = [];
  const samples = new Samples();
  let exemplars = 0;
  let histograms = 0;
  while (reader.next()) {
    if (reader.field === 1) pairs.push(readLabel(reader));
    else if (reader.field === 2) samples.read(reader);
    else {
      if (reader.field === 3) exemplars++;
      if (reader.field === 4) histograms++;
      reader.skip();
    }
  }
  reader.leave(around);
  const { t, v } = samples;
  return {
    pairs,
    t: Float64Array.from(t),
    v: Float64Array.from(v),
    stale: samples.staleColumn(),
    exemplars,
    histograms,
  };
}

function isSorted(pairs: RawSeries["pairs"]): boolean {
  for (let i = 1; i < pairs.length; i++) {
    const [before] = pairs[i - 1] as readonly [string, string];
    const [name] = pairs[i] as readonly [string, string];
    if (compareUtf8(before, name) > 0) return false;
  }
  return true;
}

/** Labels of a series, or the reason why they are none. */
export function checkLabels(pairs: RawSeries["pairs"], needsName: boolean): Labels | string {
  // Senders must sort, and nearly all do.
  const sorted = isSorted(pairs) ? pairs : pairs.toSorted((a, b) => compareUtf8(a[0], b[0]));
  const flat: string[] = [];
  let before: string | undefined;
  let hasName = false;
  for (const [name, value] of sorted) {
    if (name === "") return "a label has an empty name";
    if (name === before) return `the label "${name}" appears twice`;
    before = name;
    if (value === "") continue;
    if (name === METRIC_NAME) hasName = true;
    flat.push(name, value);
  }
  return needsName && !hasName ? `a series has no ${METRIC_NAME}` : Labels.fromSorted(flat);
}

export function writeSeries(writer: ProtoWriter, series: RemoteSeries): void {
  for (const [name, value] of series.labels) writer.message(1, (label) => void label.text(1, name).text(2, value));
  const { t, v, stale } = series;
  for (let i = 0; i < t.length; i++) {
    const value = v[i] as number;
    writer.message(2, (sample) => {
      if (stale?.[i] === 1) sample.bits(1, STALE_LOW, STALE_HIGH);
      else if (Number.isNaN(value)) sample.bits(1, NORMAL_NAN_LOW, NORMAL_NAN_HIGH);
      else sample.double(1, value);
      sample.int64(2, t[i] as number);
    });
  }
}
