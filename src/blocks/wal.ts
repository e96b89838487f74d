/**
 * The samples of a write-ahead log that are in no block yet, in pieces like those of blocks. The log is read twice: once
 * for its series and deletions, once for its samples.
 */
import { Labels, METRIC_NAME } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import { UserError } from "../base/errors.ts";
import { Cursor } from "./cursor.ts";
import { type BlockSeries, type Losses, tellLoss } from "./losses.ts";
import type { LogDir } from "./snapshot.ts";
import type { Deleted } from "./tombstones.ts";
import { walRecords, type WalRecord, walSegments } from "./wal-file.ts";
import { FloatBits } from "./xor-chunk.ts";

const RECORD = { series: 1, samples: 2, tombstones: 3, histograms: 7, floatHistograms: 8, custom: 9, floatCustom: 10 };
const HISTOGRAMS: ReadonlySet<number> = new Set([
  RECORD.histograms,
  RECORD.floatHistograms,
  RECORD.custom,
  RECORD.floatCustom,
]);
/** Samples in memory before they are handed over. */
const PIECE_SAMPLES = 1_000_000;
/** A larger log than one program's is not one. */
const SERIES_MAX = 10_000_000;

interface LogSeries {
  readonly labels: Labels;
  /** Series of one target sort together. */
  readonly target: string;
  readonly deleted: Deleted[];
  t: number[];
  v: number[];
  stale: number[];
}

class Log {
  readonly #losses: Losses;
  readonly #series = new Map<number, LogSeries>();
  readonly #texts = new Map<string, string>();
  #held = 0;

  constructor(losses: Losses) {
    this.#losses = losses;
  }

  /** The records of all segments in `dir`. @param tells says what is damaged: the second reading need not say it again. */
  *records(dir: string, tells: boolean): Generator<WalRecord> {
    const segments = walSegments(dir);
    for (const [i, file] of segments.entries())
      yield* walRecords(file, i === segments.length - 1, tells ? this.#tell : () => undefined);
  }

  readonly #tell = (error: unknown): void => tellLoss(this.#losses, error);

  /** Reads one record; what is broken in it costs the rest of it. */
  read({ bytes, file, offset }: WalRecord, take: (kind: number, cursor: Cursor) => void, tells: boolean): void {
    const cursor = new Cursor(bytes, `${file} at byte ${offset}, record`, 0);
    try {
      if (bytes.length > 0) take(cursor.u8(), cursor);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (tells) this.#tell(error);
    }
  }

  /** One copy of each text, however many series have it. */
  #text(cursor: Cursor): string {
    const text = cursor.text();
    const known = this.#texts.get(text);
    if (known === undefined) this.#texts.set(text, text);
    return known ?? text;
  }

  define(kind: number, cursor: Cursor): void {
    if (kind === RECORD.tombstones) {
      while (cursor.left > 0) {
        const ref = cursor.u64();
        this.#series.get(ref)?.deleted.push({ start: cursor.varint(), end: cursor.varint() });
      }
      return;
    }
    if (HISTOGRAMS.has(kind)) this.#noteHistogram(cursor);
    if (kind !== RECORD.series) return;
    while (cursor.left > 0) {
      const ref = cursor.u64();
      const count = cursor.uvarint();
      if (count * 2 > cursor.left) cursor.fail(`${count} labels do not fit`);
      const pairs: [string, string][] = [];
      for (let i = 0; i < count; i++) pairs.push([this.#text(cursor), this.#text(cursor)]);
      if (this.#series.has(ref)) continue;
      if (this.#series.size >= SERIES_MAX) cursor.fail(`more than ${SERIES_MAX} series`);
      const labels = Labels.from(pairs);
      const target = `${labels.get("job")}\0${labels.get("instance")}`;
      this.#series.set(ref, { labels, target, deleted: [], t: [], v: [], stale: [] });
    }
  }

  /** Its samples vary in length: a record is counted as one, and named by its first series. */
  #noteHistogram(cursor: Cursor): void {
    if (cursor.left === 0) return;
    const base = cursor.u64();
    cursor.bytes(8);
    const name = this.#series.get(base + cursor.varint())?.labels.get(METRIC_NAME);
    this.#losses.histograms++;
    if (name !== undefined) this.#losses.histogramMetrics.add(name);
  }

  /** @param from samples before this are in blocks. */
  sample(kind: number, cursor: Cursor, from: Timestamp): void {
    if (kind !== RECORD.samples || cursor.left === 0) return;
    const baseRef = cursor.u64();
    const baseT = cursor.i64();
    while (cursor.left > 0) {
      const series = this.#series.get(baseRef + cursor.varint());
      const t = baseT + cursor.varint();
      const value = new FloatBits(cursor.u32(), cursor.u32());
      if (series === undefined || t < from || !Number.isSafeInteger(t)) continue;
      if (series.deleted.some(({ start, end }) => t >= start && t <= end)) {
        this.#losses.deleted++;
        continue;
      }
      if (value.isStale) series.stale.push(series.t.length);
      series.t.push(t);
      series.v.push(value.number);
      this.#held++;
    }
  }

  get isFull(): boolean {
    return this.#held >= PIECE_SAMPLES;
  }

  /** What is held, by target. */
  take(): readonly BlockSeries[] {
    const filled = [...this.#series.values()].filter(({ t }) => t.length > 0);
    filled.sort((a, b) => (a.target < b.target ? -1 : a.target > b.target ? 1 : 0));
    this.#held = 0;
    return filled.map((series) => {
      const { labels, t, v, stale } = series;
      const marks = stale.length === 0 ? undefined : new Uint8Array(t.length);
      for (const at of stale) (marks as Uint8Array)[at] = 1;
      [series.t, series.v, series.stale] = [[], [], []];
      return { labels, t: Float64Array.from(t), v: Float64Array.from(v), stale: marks };
    });
  }
}

/**
 * The samples of the log that are in no block.
 *
 * @throws UserError `unreadable`; damage is told in `losses`.
 */
export function* readWal({ path, from, late }: LogDir, losses: Losses): Generator<readonly BlockSeries[]> {
  const log = new Log(losses);
  for (const record of log.records(path, true)) log.read(record, (kind, cursor) => log.define(kind, cursor), true);
  for (const record of log.records(path, false)) {
    log.read(record, (kind, cursor) => log.sample(kind, cursor, from), false);
    if (log.isFull) yield log.take();
  }
  for (const record of late === undefined ? [] : log.records(late, true)) {
    log.read(record, (kind, cursor) => log.sample(kind, cursor, Number.NEGATIVE_INFINITY), true);
    if (log.isFull) yield log.take();
  }
  const rest = log.take();
  if (rest.length > 0) yield rest;
}
