/**
 * A block as pieces to import: the series of one target together, a stretch of time after the other, so that a store
 * that houses series by their times finds company for each. What is damaged is told and passed over; native histograms
 * are counted and named.
 */
import path from "node:path";
import { errorText, UserError } from "../base/errors.ts";
import { Labels, METRIC_NAME } from "../model/labels.ts";
import type { Timestamp } from "../model/sample.ts";
import { type ChunkRef, IndexFile } from "./index-file.ts";
import { type BlockSeries, type Losses, tellLoss } from "./losses.ts";
import { ENCODING, Segments } from "./segments.ts";
import type { BlockDir } from "./snapshot.ts";
import { type Deleted, readTombstones } from "./tombstones.ts";
import { chunkCount, type ChunkSamples, decodeXorChunk } from "./xor-chunk.ts";

/** Series of one piece: some 40 MB of two hours at 15 s. */
const PIECE_SERIES_MAX = 5_000;
/** Samples aimed at for one piece. */
const PIECE_SAMPLES = 1_000_000;
/** A piece that has this many is handed over, whatever the block said of its density. */
const PIECE_SAMPLES_MAX = 4_000_000;
/** Damage told once, so that a chunk on the border of two stretches is not told twice. */
const TOLD_MAX = 1_000;
const HISTOGRAM_NAMES_MAX = 100;
const SPAN_MS_MIN = 60_000;
/** Stretches of one piece: times that nobody's clock ever showed must not make steps without end. */
const STRETCHES_MAX = 10_000;

interface Member {
  readonly labels: Labels;
  readonly chunks: readonly ChunkRef[];
  readonly deleted: readonly Deleted[];
}

class Block implements Disposable {
  readonly #dir: BlockDir;
  readonly #index: IndexFile;
  readonly #segments: Segments;
  readonly #tombstones: ReadonlyMap<number, readonly Deleted[]>;
  readonly #losses: Losses;
  /** A chunk on the border of two stretches is met twice. */
  readonly #told = new Set<string>();

  constructor(dir: BlockDir, losses: Losses) {
    this.#dir = dir;
    this.#losses = losses;
    this.#tombstones = readTombstones(path.join(dir.path, "tombstones"));
    this.#segments = new Segments(path.join(dir.path, "chunks"));
    this.#index = new IndexFile(path.join(dir.path, "index"));
  }

  get seriesCount(): number {
    return this.#index.series.length;
  }

  #tell(error: unknown): void {
    const key = errorText(error);
    if (this.#told.has(key)) return;
    if (this.#told.size < TOLD_MAX) this.#told.add(key);
    tellLoss(this.#losses, error);
  }

  #labelsOf(symbols: readonly number[]): Labels {
    const pairs: [string, string][] = [];
    for (let i = 0; i < symbols.length; i += 2)
      pairs.push([this.#index.symbol(symbols[i] as number) ?? "", this.#index.symbol(symbols[i + 1] as number) ?? ""]);
    return Labels.from(pairs);
  }

  /** Numbers of the series by target: what was scraped together has the same times. */
  targets(): number[][] {
    const byTarget = new Map<string, number[]>();
    for (const number of this.#index.series) {
      try {
        const { symbols } = this.#index.entry(number);
        let key = "";
        for (let i = 0; i < symbols.length; i += 2) {
          const name = this.#index.symbol(symbols[i] as number);
          if (name === "job" || name === "instance") key += `${name}:${symbols[i + 1]} `;
        }
        const list = byTarget.get(key);
        if (list === undefined) byTarget.set(key, [number]);
        else list.push(number);
      } catch (error) {
        this.#tell(error);
      }
    }
    return [...byTarget.values()];
  }

  members(numbers: readonly number[]): Member[] {
    return numbers.map((number) => {
      const { symbols, chunks } = this.#index.entry(number);
      return { labels: this.#labelsOf(symbols), chunks, deleted: this.#tombstones.get(number) ?? [] };
    });
  }

  /** Decoded samples of one chunk; undefined when it is damaged or of an encoding that is not read. */
  decode({ labels }: Member, ref: ChunkRef): ChunkSamples | undefined {
    try {
      const { encoding, data } = this.#segments.read(ref);
      if (encoding === ENCODING.histogram || encoding === ENCODING.floatHistogram) {
        this.#skipHistogram(labels, ref, chunkCount(data));
        return undefined;
      }
      const place = this.#segments.placeOf(ref);
      if (encoding !== ENCODING.xor) throw new UserError("bad-block", `${place}: a chunk of encoding ${encoding}`);
      try {
        return decodeXorChunk(data);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new UserError("bad-block", `${place}: the chunk is broken: ${error.message}`);
      }
    } catch (error) {
      this.#tell(error);
      return undefined;
    }
  }

  #skipHistogram(labels: Labels, ref: ChunkRef, count: number): void {
    const key = `histogram ${ref.segment}:${ref.offset}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#losses.histograms += count;
    const { histogramMetrics } = this.#losses;
    if (histogramMetrics.size < HISTOGRAM_NAMES_MAX) histogramMetrics.add(labels.get(METRIC_NAME));
  }

  countDeleted(samples: number): void {
    this.#losses.deleted += samples;
  }

  /** Width of a stretch of `whole` in which so many series have about PIECE_SAMPLES. */
  spanFor(series: number, whole: number): number {
    const share = this.#dir.samples * (series / Math.max(1, this.seriesCount));
    const width = share <= PIECE_SAMPLES ? whole + 1 : Math.ceil((whole * PIECE_SAMPLES) / share);
    return Math.max(SPAN_MS_MIN, width, Math.ceil(whole / STRETCHES_MAX));
  }

  [Symbol.dispose](): void {
    this.#index[Symbol.dispose]();
    this.#segments[Symbol.dispose]();
  }
}

/** Samples of one series from `from` to before `to` that nobody deleted. */
function stretch(block: Block, member: Member, from: Timestamp, to: Timestamp): BlockSeries | undefined {
  const t: number[] = [];
  const v: number[] = [];
  const marks: number[] = [];
  for (const ref of member.chunks) {
    if (ref.start >= to || ref.end < from) continue;
    const chunk = block.decode(member, ref);
    if (chunk === undefined) continue;
    for (let i = 0; i < chunk.t.length; i++) {
      const time = chunk.t[i] as number;
      if (time < from || time >= to) continue;
      if (member.deleted.some(({ start, end }) => time >= start && time <= end)) {
        block.countDeleted(1);
        continue;
      }
      if (chunk.stale?.[i] === 1) marks.push(t.length);
      t.push(time);
      v.push(chunk.v[i] as number);
    }
  }
  if (t.length === 0) return undefined;
  const stale = marks.length === 0 ? undefined : new Uint8Array(t.length);
  for (const at of marks) (stale as Uint8Array)[at] = 1;
  return { labels: member.labels, t: Float64Array.from(t), v: Float64Array.from(v), stale };
}

function* pieces(block: Block, members: readonly Member[]): Generator<BlockSeries[]> {
  const chunks = members.flatMap((member) => member.chunks);
  if (chunks.length === 0) return;
  const first = chunks.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY);
  const last = chunks.reduce((most, { end }) => Math.max(most, end), Number.NEGATIVE_INFINITY);
  const span = block.spanFor(members.length, last - first);
  for (let from = first; from <= last; ) {
    const to = from + span;
    let piece: BlockSeries[] = [];
    let samples = 0;
    for (const member of members) {
      const series = stretch(block, member, from, to);
      if (series === undefined) continue;
      piece.push(series);
      samples += series.t.length;
      if (samples < PIECE_SAMPLES_MAX) continue;
      yield piece;
      piece = [];
      samples = 0;
    }
    if (piece.length > 0) yield piece;
    // Between two chunks that are far apart is nothing to look for.
    const next = chunks.reduce(
      (least, { end, start }) => (end >= to ? Math.min(least, start) : least),
      Number.POSITIVE_INFINITY,
    );
    from = Math.max(to, next);
  }
}

/**
 * All samples of a block. Reading is synchronous; whoever takes the pieces decides how fast.
 *
 * @param losses gets what is passed over.
 * @param onSeries how many series of the block are done.
 * @throws UserError `unreadable`, `bad-block` when the block as a whole cannot be read.
 */
export function* readBlock(
  dir: BlockDir,
  losses: Losses,
  onSeries: (done: number, all: number) => void = () => undefined,
): Generator<readonly BlockSeries[]> {
  using block = new Block(dir, losses);
  let done = 0;
  for (const numbers of block.targets()) {
    for (let at = 0; at < numbers.length; at += PIECE_SERIES_MAX) {
      const members = block.members(numbers.slice(at, at + PIECE_SERIES_MAX));
      yield* pieces(block, members);
      done += members.length;
      onSeries(done, block.seriesCount);
    }
  }
}
