/**
 * Blocks of Prometheus into a running engine or a directory that nobody uses: in small commits, so that an engine goes
 * on scraping meanwhile. Taking the same block twice changes nothing: samples that are there already are the same ones.
 */
import type { EngineSource } from "../api/client/engine.ts";
import type { ImportAnswer } from "../api/services.ts";
import { type BlockSeries, type Losses, noLosses, tellLoss } from "../blocks/losses.ts";
import { readBlock } from "../blocks/read.ts";
import { openSnapshot, type Snapshot } from "../blocks/snapshot.ts";
import { readWal } from "../blocks/wal.ts";
import type { Clock } from "../base/clock.ts";
import { silentLogger } from "../base/log.ts";
import { appendWriteRequest, encodeWriteRequest } from "../remote/codec.ts";
import type { WriteRequest } from "../remote/message.ts";
import type { Appendable } from "../storage/storage.ts";
import { type Reach, TierShares } from "../tsdb/history.ts";
import { openTsdb } from "../tsdb/tsdb.ts";
import { NOTHING_IMPORTED, sumOf } from "./samples.ts";

/** Samples in one commit: as many as hold up a scrape by some 30 ms. */
const COMMIT_SAMPLES = 20_000;

export interface SnapshotReport {
  readonly answer: ImportAnswer;
  readonly blocks: number;
  /** Whether the newest samples came from a log. */
  readonly log: boolean;
  readonly notRead: readonly string[];
  readonly losses: Losses;
}

/** Takes one commit's worth of series. */
type Take = (series: readonly BlockSeries[]) => Promise<ImportAnswer>;

/** Stretches of time of a piece, each with all its series: about COMMIT_SAMPLES, and one row at least. */
function* slices(piece: readonly BlockSeries[]): Generator<readonly BlockSeries[]> {
  const total = piece.reduce((sum, { t }) => sum + t.length, 0);
  if (total <= COMMIT_SAMPLES) {
    yield piece;
    return;
  }
  const first = piece.reduce((least, { t }) => Math.min(least, t[0] as number), Number.POSITIVE_INFINITY);
  const last = piece.reduce((most, { t }) => Math.max(most, t[t.length - 1] as number), Number.NEGATIVE_INFINITY);
  const count = Math.ceil(total / COMMIT_SAMPLES);
  const width = Math.max(1, Math.ceil((last - first) / count));
  const at = new Uint32Array(piece.length);
  for (let i = 1; i <= count; i++) {
    const end = i === count ? Number.POSITIVE_INFINITY : first + i * width;
    const slice = piece.flatMap(({ labels, t, v, stale }, k): readonly BlockSeries[] => {
      const from = at[k] as number;
      let to = from;
      while (to < t.length && (t[to] as number) < end) to++;
      at[k] = to;
      if (from === to) return [];
      return [{ labels, t: t.subarray(from, to), v: v.subarray(from, to), stale: stale?.subarray(from, to) }];
    });
    if (slice.length > 0) yield slice;
  }
}

/** A block that cannot be read costs that block; the others are good. */
function* bearing(pieces: Generator<readonly BlockSeries[]>, losses: Losses): Generator<readonly BlockSeries[]> {
  try {
    for (let next = pieces.next(); next.done !== true; next = pieces.next()) yield next.value;
  } catch (error) {
    tellLoss(losses, error);
  } finally {
    pieces.return(undefined);
  }
}

async function importBlocks(
  { blocks, log, notRead, damage }: Snapshot,
  take: Take,
  onProgress: (done: number, all: number) => void,
): Promise<SnapshotReport> {
  const losses = noLosses();
  for (const error of damage) tellLoss(losses, error);
  const all = blocks.reduce((sum, block) => sum + Math.max(1, block.samples), 0);
  let answer = NOTHING_IMPORTED;
  let before = 0;
  for (const block of blocks) {
    const weight = Math.max(1, block.samples);
    const pieces = readBlock(block, losses, (done, series) => onProgress(before + (weight * done) / series, all));
    for (const piece of bearing(pieces, losses))
      for (const slice of slices(piece)) answer = sumOf(answer, await take(slice));
    before += weight;
    onProgress(before, all);
  }
  for (const piece of log === undefined ? [] : readWal(log, losses))
    for (const slice of slices(piece)) answer = sumOf(answer, await take(slice));
  return { answer, blocks: blocks.length, log: log !== undefined, notRead, losses };
}

/** The series of a message, by their own appender. @param reach to tell what only tiers will keep. */
export async function takeSeries(request: WriteRequest, target: Appendable, reach?: Reach): Promise<ImportAnswer> {
  const shares = reach === undefined ? undefined : new TierShares(reach);
  if (shares !== undefined) for (const { t } of request.series) for (const time of t) shares.note(time);
  const appender = target.appender();
  const refused = appendWriteRequest(request, appender);
  const { accepted, duplicate, outOfBounds, limited } = await appender.commit();
  return {
    ...NOTHING_IMPORTED,
    samples: accepted,
    duplicate,
    outOfBounds,
    limited: Math.max(limited, refused),
    tiers: shares?.list() ?? [],
    broken: request.invalid,
    problems: request.reasons.map((text) => ({ line: 0, text })),
  };
}

const NONE: Omit<WriteRequest, "series"> = {
  metadata: new Map(),
  samples: 0,
  exemplars: 0,
  histograms: 0,
  histogramMetrics: [],
  invalid: 0,
  reasons: [],
};

/**
 * @param dir a snapshot, a data directory of Prometheus or one block.
 * @throws UserError `not-a-snapshot`, `unreadable`, `bad-block` (exit 3).
 */
export async function importSnapshotIntoEngine(
  engine: EngineSource,
  dir: string,
  onProgress: (done: number, all: number) => void,
): Promise<SnapshotReport> {
  return importBlocks(openSnapshot(dir), (series) => engine.importSeries(encodeWriteRequest(series)), onProgress);
}

/** Into a directory that no engine runs on. @throws UserError as above, and `store-locked`. */
export async function importSnapshotIntoDirectory(
  dataDir: string,
  clock: Clock,
  dir: string,
  onProgress: (done: number, all: number) => void,
): Promise<SnapshotReport> {
  const snapshot = openSnapshot(dir);
  const store = await openTsdb({ dir: dataDir, clock, log: silentLogger });
  try {
    const report = await importBlocks(snapshot, (series) => takeSeries({ ...NONE, series }, store), onProgress);
    await store.flush();
    return report;
  } finally {
    await store.close();
  }
}
