/**
 * Blocks as Prometheus writes them, made by hand: index of format 2, segments of chunks, tombstones. Written from the
 * format's description and apart from the reader, so that the two check each other; the lab's Prometheus checks both.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { crc32c } from "../../src/blocks/crc32c.ts";

export interface WrittenSample {
  readonly t: number;
  /** undefined = stale marker. */
  readonly v: number | undefined;
}

export interface WrittenSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** One list a chunk. */
  readonly chunks: readonly (readonly WrittenSample[])[];
  /** XOR unless told; of other encodings only the count is written. */
  readonly encoding?: number;
  readonly deleted?: readonly (readonly [start: number, end: number])[];
}

const STALE = 0x7ff0_0000_0000_0002n;
const view = new DataView(new ArrayBuffer(8));

function bitsOf(v: number | undefined): bigint {
  if (v === undefined) return STALE;
  view.setFloat64(0, v);
  return view.getBigUint64(0);
}

class Bytes {
  readonly out: number[] = [];
  uint(value: number, size: number): this {
    for (let i = size - 1; i >= 0; i--) this.out.push(Math.floor(value / 2 ** (8 * i)) % 256);
    return this;
  }
  uvarint(value: number | bigint): this {
    let rest = BigInt(value);
    for (; rest >= 128n; rest >>= 7n) this.out.push(Number(rest & 127n) | 128);
    this.out.push(Number(rest));
    return this;
  }
  varint(value: number | bigint): this {
    const n = BigInt(value);
    return this.uvarint(n < 0n ? -n * 2n - 1n : n * 2n);
  }
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.uvarint(bytes.length);
    return this.add(bytes);
  }
  add(bytes: Iterable<number>): this {
    for (const byte of bytes) this.out.push(byte);
    return this;
  }
  align(size: number): this {
    while (this.out.length % size !== 0) this.out.push(0);
    return this;
  }
  /** Length, body, checksum. */
  section(body: Bytes): this {
    return this.uint(body.out.length, 4)
      .add(body.out)
      .uint(crc32c(Uint8Array.from(body.out)), 4);
  }
}

class BitWriter {
  readonly #bits: number[] = [];
  put(value: bigint | number, width: number): void {
    const n = BigInt.asUintN(64, BigInt(value));
    for (let i = width - 1; i >= 0; i--) this.#bits.push(Number((n >> BigInt(i)) & 1n));
  }
  bytes(): number[] {
    const out: number[] = [];
    for (let i = 0; i < this.#bits.length; i += 8)
      out.push(Array.from({ length: 8 }, (_, k) => this.#bits[i + k] ?? 0).reduce((sum, bit) => sum * 2 + bit, 0));
    return out;
  }
}

function clz64(n: bigint): number {
  return 64 - n.toString(2).length;
}

function ctz64(n: bigint): number {
  let count = 0;
  for (let rest = n; (rest & 1n) === 0n; rest >>= 1n) count++;
  return count;
}

/** The XOR chunk of the samples, without length and checksum. */
export function xorChunk(samples: readonly WrittenSample[]): Uint8Array {
  const bits = new BitWriter();
  const varint = (bytes: readonly number[]): void => bytes.forEach((byte) => bits.put(byte, 8));
  let delta = 0;
  let leading = -1;
  let trailing = 0;
  samples.forEach(({ t, v }, i) => {
    const before = samples[i - 1];
    if (before === undefined) {
      varint(new Bytes().varint(t).out);
      bits.put(bitsOf(v), 64);
      return;
    }
    const step = t - before.t;
    if (i === 1) {
      varint(new Bytes().uvarint(step).out);
    } else {
      const change = step - delta;
      const fits = (width: number): boolean => change >= -(2 ** (width - 1)) + 1 && change <= 2 ** (width - 1);
      if (change === 0) bits.put(0, 1);
      else if (fits(14)) bits.put((0b10n << 14n) | BigInt.asUintN(14, BigInt(change)), 16);
      else if (fits(17)) bits.put((0b110n << 17n) | BigInt.asUintN(17, BigInt(change)), 20);
      else if (fits(20)) bits.put((0b1110n << 20n) | BigInt.asUintN(20, BigInt(change)), 24);
      else {
        bits.put(0b1111, 4);
        bits.put(change, 64);
      }
    }
    delta = step;
    const xor = bitsOf(v) ^ bitsOf(before.v);
    if (xor === 0n) {
      bits.put(0, 1);
      return;
    }
    const lead = Math.min(31, clz64(xor));
    const trail = ctz64(xor);
    bits.put(1, 1);
    if (leading >= 0 && lead >= leading && trail >= trailing) {
      bits.put(0, 1);
    } else {
      leading = lead;
      trailing = trail;
      bits.put(1, 1);
      bits.put(lead, 5);
      bits.put(64 - lead - trail, 6);
    }
    bits.put(xor >> BigInt(trailing), 64 - leading - trailing);
  });
  return Uint8Array.from([...new Bytes().uint(samples.length, 2).out, ...bits.bytes()]);
}

function segment(series: readonly WrittenSeries[]): { readonly bytes: Bytes; readonly offsets: number[][] } {
  const bytes = new Bytes().uint(0x85bd_40dd, 4).uint(1, 1).uint(0, 3);
  const offsets = series.map(({ chunks, encoding = 1 }) =>
    chunks.map((samples) => {
      const offset = bytes.out.length;
      const data = encoding === 1 ? xorChunk(samples) : Uint8Array.from(new Bytes().uint(samples.length, 2).out);
      const body = Uint8Array.from([encoding, ...data]);
      bytes.uvarint(data.length).add(body).uint(crc32c(body), 4);
      return offset;
    }),
  );
  return { bytes, offsets };
}

function entry(one: WrittenSeries, symbols: readonly string[], offsets: readonly number[]): Bytes {
  const body = new Bytes();
  const names = Object.keys(one.labels).sort();
  body.uvarint(names.length);
  for (const name of names) body.uvarint(symbols.indexOf(name)).uvarint(symbols.indexOf(one.labels[name] as string));
  body.uvarint(one.chunks.length);
  let end = 0;
  one.chunks.forEach((samples, i) => {
    const [first, last] = [samples[0]?.t ?? 0, samples.at(-1)?.t ?? 0];
    if (i === 0) body.varint(first);
    else body.uvarint(first - end);
    body.uvarint(last - first);
    end = last;
    const offset = offsets[i] as number;
    if (i === 0) body.uvarint(offset);
    else body.varint(offset - (offsets[i - 1] as number));
  });
  return body;
}

/** The index, and the number of each series. */
function indexOf(series: readonly WrittenSeries[], offsets: readonly (readonly number[])[]) {
  const symbols = [...new Set(["", ...series.flatMap(({ labels }) => Object.entries(labels).flat())])].sort();
  const index = new Bytes().uint(0xbaaa_d700, 4).uint(2, 1);
  const at = { symbols: index.out.length, series: 0, postings: 0, table: 0 };
  const listed = new Bytes().uint(symbols.length, 4);
  for (const symbol of symbols) listed.text(symbol);
  index.section(listed).align(16);
  at.series = index.out.length;
  const numbers = series.map((one, i) => {
    index.align(16);
    const number = index.out.length / 16;
    const body = entry(one, symbols, offsets[i] as readonly number[]);
    index
      .uvarint(body.out.length)
      .add(body.out)
      .uint(crc32c(Uint8Array.from(body.out)), 4);
    return number;
  });
  index.align(4);
  at.postings = index.out.length;
  const postings = new Bytes().uint(numbers.length, 4);
  for (const number of numbers) postings.uint(number, 4);
  index.section(postings);
  at.table = index.out.length;
  index.section(new Bytes().uint(1, 4).uvarint(2).text("").text("").uvarint(at.postings));
  const toc = new Bytes();
  for (const offset of [at.symbols, at.series, 0, 0, at.postings, at.table]) toc.uint(offset, 8);
  index.add(toc.out).uint(crc32c(Uint8Array.from(toc.out)), 4);
  return { bytes: index, numbers };
}

/** Writes one block into `dir`, which is made. */
export function writeBlock(dir: string, series: readonly WrittenSeries[]): void {
  const all = series.flatMap(({ chunks }) => chunks.flat());
  const times = all.map(({ t }) => t);
  mkdirSync(path.join(dir, "chunks"), { recursive: true });
  const { bytes: chunkBytes, offsets } = segment(series);
  const { bytes: indexBytes, numbers } = indexOf(series, offsets);
  writeFileSync(path.join(dir, "chunks/000001"), Uint8Array.from(chunkBytes.out));
  writeFileSync(path.join(dir, "index"), Uint8Array.from(indexBytes.out));
  const tombs = new Bytes();
  series.forEach(({ deleted = [] }, i) => {
    for (const [start, end] of deleted)
      tombs
        .uvarint(numbers[i] as number)
        .varint(start)
        .varint(end);
  });
  writeFileSync(
    path.join(dir, "tombstones"),
    Uint8Array.from([
      ...new Bytes().uint(0x0130_ba30, 4).uint(1, 1).out,
      ...tombs.out,
      ...new Bytes().uint(crc32c(Uint8Array.from(tombs.out)), 4).out,
    ]),
  );
  writeFileSync(
    path.join(dir, "meta.json"),
    JSON.stringify({
      version: 1,
      ulid: path.basename(dir),
      minTime: Math.min(0, ...times),
      maxTime: Math.max(0, ...times) + 1,
      stats: { numSamples: all.length, numSeries: series.length, numChunks: series.flatMap((s) => s.chunks).length },
    }),
  );
}

/** One record of a log, unpacked. */
export type LogRecord =
  | { readonly series: readonly (readonly [ref: number, labels: Readonly<Record<string, string>>])[] }
  | { readonly samples: readonly (readonly [ref: number, sample: WrittenSample])[] }
  | { readonly deleted: readonly (readonly [ref: number, start: number, end: number])[] }
  | { readonly histograms: readonly number[] };

function recordBytes(record: LogRecord): Uint8Array {
  const out = new Bytes();
  if ("series" in record) {
    out.uint(1, 1);
    for (const [ref, labels] of record.series) {
      out.uint(ref, 8).uvarint(Object.keys(labels).length);
      for (const [name, value] of Object.entries(labels)) out.text(name).text(value);
    }
  } else if ("deleted" in record) {
    out.uint(3, 1);
    for (const [ref, start, end] of record.deleted) out.uint(ref, 8).varint(start).varint(end);
  } else {
    out.uint("samples" in record ? 2 : 7, 1);
    const [first] =
      "samples" in record ? record.samples : record.histograms.map((ref) => [ref, { t: 0, v: 0 }] as const);
    const [baseRef, { t: baseT }] = first ?? [0, { t: 0 }];
    out.uint(baseRef, 8).uint(baseT, 8);
    if ("histograms" in record) for (const ref of record.histograms) out.varint(ref - baseRef).varint(0);
    else
      for (const [ref, { t, v }] of record.samples) {
        const bits = bitsOf(v);
        out.varint(ref - baseRef).varint(t - baseT);
        out.uint(Number(bits >> 32n), 4).uint(Number(bits & 0xffff_ffffn), 4);
      }
  }
  return Uint8Array.from(out.out);
}

const PAGE = 32 * 1024;

/** Writes one segment of a log. @param pack as Prometheus' snappy or zstd; the flag goes into each fragment. */
export function writeLog(
  file: string,
  records: readonly LogRecord[],
  pack: readonly [flag: number, pack: (bytes: Uint8Array) => Uint8Array] = [0, (bytes) => bytes],
): void {
  const [flag, packed] = pack;
  const out: number[] = [];
  for (const record of records) {
    let rest = packed(recordBytes(record));
    for (let first = true; first || rest.length > 0; first = false) {
      let room = PAGE - (out.length % PAGE);
      if (room <= 7) {
        for (; room > 0; room--) out.push(0);
        room = PAGE;
      }
      const part = rest.subarray(0, room - 7);
      rest = rest.subarray(part.length);
      const kind = first ? (rest.length === 0 ? 1 : 2) : rest.length === 0 ? 4 : 3;
      for (const byte of [
        ...new Bytes()
          .uint(kind | flag, 1)
          .uint(part.length, 2)
          .uint(crc32c(part), 4).out,
        ...part,
      ])
        out.push(byte);
    }
  }
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, Uint8Array.from(out));
}
