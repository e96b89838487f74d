/**
 * Windows of a tier that samples reached after they had been rolled up: imports, and what came more than the delay too
 * late. That a window is behind is read off the numbers of the chunks: a raw chunk written after the window's own. When
 * a counter's total at the end of a window changes, the windows after it are raised by as much; how far that has come
 * is a record of its own, written in the same batch.
 */
import type { ByteLevel, LevelOp } from "../base/leveldb.ts";
import type { SampleColumn, Timestamp } from "../model/sample.ts";
import type { Aggregate } from "../storage/storage.ts";
import { buildChunk, chunkKeys } from "./chunk.ts";
import { layOut, readSeries } from "./columns.ts";
import { type ChunkMeta, type Group, planeTier } from "./group.ts";
import type { Head } from "./head.ts";
import type { Tier } from "./options.ts";
import { type PartReader, want } from "./parts.ts";
import { deleteRaise, type Raise, raiseOp } from "./raise.ts";
import { remerge, type StoredPlanes } from "./remerge.ts";
import { type Carry, carryOf, PLANES } from "./rollup.ts";
import type { RowsView } from "./rows-view.ts";
import { watermarkOp } from "./sealer.ts";
import {
  allSegments,
  CARRY_MS_MAX,
  carries,
  firstAfter,
  matrices,
  planeAxis,
  type RollWindow,
  windowMs,
} from "./window.ts";

/** A window's place on the grid of its tier. */
export interface TierPlace {
  readonly group: Group;
  /** From 1. */
  readonly tier: number;
  readonly rung: Tier;
  /** Windows known to hold no sample, with the chunk number up to which that is known. */
  readonly empties: Map<Timestamp, number>;
}

/** Chunks of the tier whose buckets lie in (from, to]: few, found by the order of their starts. */
function tierChunks({ group, tier }: TierPlace, from: Timestamp, to: Timestamp): ChunkMeta[] {
  const { chunks } = group;
  const found: ChunkMeta[] = [];
  for (let i = firstAfter(chunks, from); i < chunks.length && (chunks[i] as ChunkMeta).start <= to; i++) {
    const chunk = chunks[i] as ChunkMeta;
    if (chunk.tier >> 3 === tier) found.push(chunk);
  }
  return found;
}

/** Ends of the windows that a raw chunk has rows in or between. */
function* windowEnds(place: TierPlace, { start, end }: ChunkMeta): Generator<Timestamp> {
  const width = windowMs(place.rung);
  for (let to = Math.ceil(start / width) * width; to - width < end; to += width) yield to;
}

/** Whether the window ending at `to` was rolled up before `chunk` was written. */
function isBehind(place: TierPlace, to: Timestamp, chunk: ChunkMeta): boolean {
  if ((place.empties.get(to) ?? 0) > chunk.seq) return false;
  const { resolutionMs } = place.rung;
  const planes = tierChunks(place, to - windowMs(place.rung), to);
  // A window rolled up in haste has parts of different age.
  const near = planes.filter(({ start, end }) => start - resolutionMs < chunk.end && end >= chunk.start);
  return near.every(({ seq }) => seq < chunk.seq);
}

/** Windows up to what is rolled that have to be rolled again, oldest first. @param since older ones are past the tier's retention. */
export function windowsBehind(place: TierPlace, since: Timestamp): Timestamp[] {
  const width = windowMs(place.rung);
  const rolled = place.group.rolledEnd(place.tier);
  const behind = new Set<Timestamp>();
  for (const chunk of place.group.chunks) {
    if (chunk.tier !== 0 || chunk.start > rolled || chunk.end < since) continue;
    for (const to of windowEnds(place, chunk)) {
      if (to - width >= rolled || to < since || behind.has(to)) continue;
      if (isBehind(place, to, chunk)) behind.add(to);
    }
  }
  return [...behind].sort((a, b) => a - b);
}

/** Whether a raw chunk still has to go into the tier. */
export function awaitsTier(place: TierPlace, chunk: ChunkMeta, since: Timestamp): boolean {
  if (chunk.end < since) return false;
  if (chunk.end > place.group.rolledEnd(place.tier)) return true;
  for (const to of windowEnds(place, chunk)) if (to >= since && isBehind(place, to, chunk)) return true;
  return false;
}

export interface Room {
  readonly db: ByteLevel;
  readonly head: Head;
  readonly reader: PartReader;
}

/** Writes planes in place of those that stood in the window, and what must be raised after it. */
async function replace(
  { db, head }: Room,
  { group, tier }: TierPlace,
  old: readonly ChunkMeta[],
  views: readonly { readonly plane: number; readonly view: RowsView }[],
  raise: readonly Raise[],
  to: Timestamp,
): Promise<void> {
  let { nextOrdinal } = group;
  const replaced = old.filter((chunk) => views.some(({ plane }) => chunk.tier === planeTier(tier, plane)));
  const taken = new Set<number>();
  const built = views.map(({ plane, view }) => {
    const before = replaced.find((chunk) => chunk.tier === planeTier(tier, plane) && !taken.has(chunk.ordinal));
    // The number of the chunk it stands for: no gap is left that would read as a loss.
    const ordinal = before === undefined ? nextOrdinal++ : before.ordinal;
    taken.add(ordinal);
    return buildChunk({
      tier: planeTier(tier, plane),
      group: group.id,
      seq: head.nextSeq++,
      ordinal,
      late: false,
      view,
    });
  });
  const ops: LevelOp[] = replaced.flatMap((chunk) => chunkKeys(chunk).map((key): LevelOp => ({ type: "del", key })));
  ops.push(...built.flatMap(({ ops: own }) => [...own]));
  // Two chunks of one plane became one: the other's number is done with.
  const surplus = replaced.filter(({ ordinal }) => !taken.has(ordinal));
  for (const { ordinal } of surplus) group.dropped.add(ordinal);
  ops.push(watermarkOp(group, group.openUntil, group.lateUntil, nextOrdinal));
  ops.push(raise.length > 0 ? raiseOp(group, tier, to, raise) : deleteRaise(group, tier));
  await db.batch(ops, { sync: true });
  group.nextOrdinal = nextOrdinal;
  for (const chunk of replaced) group.chunks.splice(group.chunks.indexOf(chunk), 1);
  for (const { meta } of built) group.addChunk(meta);
}

type Columns = (column: number) => SampleColumn;

async function planesOf(room: Room, window: RollWindow, columns: number): Promise<(column: number) => StoredPlanes> {
  const { group, tier, from, to } = window;
  const read = new Map<Aggregate, Columns>();
  for (const [plane, which] of PLANES.entries()) {
    const axis = await planeAxis(room.reader, group, columns, planeTier(tier, plane), from, to);
    read.set(which, (column) => readSeries(axis, column, from, to));
  }
  return (column) =>
    Object.fromEntries(PLANES.map((which) => [which, (read.get(which) as Columns)(column)])) as StoredPlanes;
}

/** What stood at the end of the window before, where something else stands there now. */
function raiseFor(column: number, old: Carry | undefined, now: Carry | undefined): Raise | undefined {
  if (now === undefined || (old?.total === now.total && old.last === now.last)) return undefined;
  const plain = old !== undefined && old.last === now.last;
  return { column, total: old?.total ?? Number.NaN, last: old?.last ?? Number.NaN, plain };
}

function windowAt({ group, tier, rung }: TierPlace, to: Timestamp): RollWindow {
  return { group, tier, resolutionMs: rung.resolutionMs, from: to - windowMs(rung) + 1, to };
}

/**
 * Rolls one window up again.
 * @param before what is to be raised from the window before on.
 * @returns what is to be raised in the next one; undefined when the window holds no sample.
 */
export async function rollAgain(
  room: Room,
  place: TierPlace,
  to: Timestamp,
  before: readonly Raise[],
): Promise<readonly Raise[] | undefined> {
  const window = windowAt(place, to);
  const { group, from, resolutionMs } = window;
  const columns = group.saved;
  const parts = await room.reader.load([want(group, allSegments(columns), from, to)], new Set());
  const axis = layOut(parts.get(group) ?? [], from, to);
  const stored = await planesOf(room, window, columns);
  const carry = await carries(room.reader, window, columns);
  const raised = new Map(before.map((one) => [one.column, one]));
  const next: Raise[] = [];
  const all = Array.from({ length: columns }, (_, column) => {
    const planes = stored(column);
    const standing = carry(column);
    const behind = raised.get(column);
    const stood = behind === undefined ? standing : Number.isNaN(behind.total) ? undefined : behind;
    const merged = remerge(planes, readSeries(axis, column, from, to), resolutionMs, standing, stood);
    const raise = raiseFor(column, carryOf(planes.last, planes.counter) ?? stood, merged.carry ?? standing);
    if (raise !== undefined) next.push(raise);
    return merged;
  });
  const views = matrices(all).map((view, plane) => ({ plane, view }));
  if (views.every(({ view }) => view.rows === 0)) return undefined;
  const follows = nextWindowEnd(place, to) !== undefined ? next : [];
  await replace(room, place, tierChunks(place, from - 1, to), views, follows, to);
  return follows;
}

/** End of the tier's next window with chunks, near enough that counters go on in it. */
export function nextWindowEnd(place: TierPlace, to: Timestamp): Timestamp | undefined {
  const [chunk] = tierChunks(place, to, to + CARRY_MS_MAX);
  const width = windowMs(place.rung);
  return chunk === undefined ? undefined : Math.ceil(chunk.start / width) * width;
}

/**
 * Raises the counters of a window whose samples did not change, nor the values before it: all of them by the same.
 * @returns what is to be raised in the next one.
 */
export async function raiseWindow(
  room: Room,
  place: TierPlace,
  to: Timestamp,
  before: readonly Raise[],
): Promise<readonly Raise[]> {
  const window = windowAt(place, to);
  const { group, tier, from } = window;
  const columns = group.saved;
  const plane = PLANES.indexOf("counter");
  const stored = await planesOf(room, window, columns);
  const carry = await carries(room.reader, window, columns);
  const raised = new Map(before.map((one) => [one.column, one]));
  const next: Raise[] = [];
  const counters = Array.from({ length: columns }, (_, column) => {
    const { counter, last } = stored(column);
    const old = raised.get(column);
    const now = carry(column);
    if (old === undefined || now === undefined) return counter;
    if (counter.from === counter.to) {
      next.push(old);
      return counter;
    }
    const shift = now.total - old.total;
    if (shift === 0 || !Number.isFinite(shift)) return counter;
    const end = carryOf(last, counter);
    if (end !== undefined) next.push({ column, ...end, plain: true });
    return { ...counter, v: counter.v.map((total) => total + shift) };
  });
  const view = counterMatrix(counters);
  const old = tierChunks(place, from - 1, to).filter((chunk) => chunk.tier === planeTier(tier, plane));
  const follows = nextWindowEnd(place, to) !== undefined ? next : [];
  await replace(room, place, old, view.rows > 0 ? [{ plane, view }] : [], follows, to);
  return follows;
}

function counterMatrix(columns: readonly SampleColumn[]): RowsView {
  const all = columns.map(({ t, v, from, to }) => {
    const times = t.slice(from, to);
    const values = v.slice(from, to);
    const planes = { last: values, min: values, max: values, sum: values, count: values.map(() => 1), counter: values };
    return { length: times.length, t: times, planes, stale: new Uint8Array(times.length), carry: undefined };
  });
  return matrices(all)[PLANES.indexOf("counter")] as RowsView;
}
