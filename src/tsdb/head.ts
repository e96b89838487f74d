/**
 * Which series lives in which column of which group. A series has one home, where its next sample goes, and may have
 * left older samples in other groups. Series that are scraped together are housed together, because one row, one
 * timestamp and one compressed chunk then serve them all.
 */
import { NO_REF, type SeriesRef, type Timestamp } from "../model/sample.ts";
import { Group } from "./group.ts";
import { LayoutReader } from "./layout-read.ts";
import { grown } from "./postings.ts";
import { SeriesIndex } from "./series-index.ts";

/** Where samples of a series are. */
export interface Place {
  readonly group: Group;
  readonly column: number;
}

/** How an array of refs maps to a group; made once, then reused while the array holds the same numbers. */
export interface RowPlan {
  /** When straight, the group's own. */
  readonly refs: Float64Array | Uint32Array;
  readonly group: Group;
  /** Column of entry i; -1 for entries that go another way. One array for all plans that are straight. */
  readonly columns: Int32Array;
  /** Entry i is column i for all, and there are no others. */
  readonly straight: boolean;
  /** Entries whose series lives in another group, or that repeat a series. */
  readonly strays: readonly number[];
  /** Entries that were refused when the series was made. */
  readonly refused: number;
  readonly version: number;
}

export class Head {
  readonly index: SeriesIndex = new SeriesIndex();
  readonly layouts: LayoutReader = new LayoutReader();
  readonly groups: Map<number, Group> = new Map();
  readonly #chunkRows: number;
  /** By series: home group, 0 = none; and column there. */
  #homeGroup: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  #homeColumn: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  /** Earlier places of the few series that moved. */
  readonly #former = new Map<SeriesRef, Place[]>();
  #nextGroup = 1;
  nextSeq = 1;
  /** Newest time among raw samples that retention dropped. */
  rawGoneUntil: Timestamp = Number.NEGATIVE_INFINITY;
  /** Raised when a series leaves its home: every plan is then made anew. */
  #version = 0;

  constructor(chunkRows: number) {
    this.#chunkRows = chunkRows;
  }

  /** To be called when a start has brought in all there is. */
  settled(): void {
    this.layouts.forget();
    this.index.settle();
  }

  /** @param id a number from storage; a fresh one when absent. */
  createGroup(id: number = this.#nextGroup): Group {
    const group = new Group(id, this.#chunkRows);
    this.groups.set(id, group);
    this.#nextGroup = Math.max(this.#nextGroup, id + 1);
    return group;
  }

  /** Makes `group` the home of `ref`. @returns its column, a new one. */
  settle(ref: SeriesRef, group: Group): number {
    const column = group.addColumn(NO_REF);
    this.settleAt(ref, group, column);
    return column;
  }

  /** Makes an empty column of `group` the home of `ref`. */
  settleAt(ref: SeriesRef, group: Group, column: number): void {
    this.#homeGroup = grown(this.#homeGroup, ref + 1);
    this.#homeColumn = grown(this.#homeColumn, ref + 1);
    this.#leave(ref);
    group.refs[column] = ref;
    group.packed = undefined;
    this.#homeGroup[ref] = group.id;
    this.#homeColumn[ref] = column;
  }

  /** Makes the columns of `group` from `firstColumn` on homes of `refs`, but for those that have a series already. */
  settleAll(refs: Uint32Array, group: Group, firstColumn: number): void {
    const known = group.columns;
    const homeGroup = (this.#homeGroup = grown(this.#homeGroup, this.index.last + 1));
    const homeColumn = (this.#homeColumn = grown(this.#homeColumn, this.index.last + 1));
    group.addColumns(firstColumn + refs.length - known);
    for (let i = 0; i < refs.length; i++) {
      const ref = refs[i] as number;
      const column = firstColumn + i;
      if (ref === NO_REF || (column < known && group.refs[column] !== NO_REF)) continue;
      if (homeGroup[ref] !== 0) this.#leave(ref);
      group.refs[column] = ref;
      homeGroup[ref] = group.id;
      homeColumn[ref] = column;
    }
    group.packed = undefined;
  }

  #leave(ref: SeriesRef): void {
    if (this.#homeGroup[ref] === 0) return;
    const home = this.home(ref);
    if (home === undefined) return;
    const former = this.#former.get(ref);
    if (former === undefined) this.#former.set(ref, [home]);
    else former.push(home);
    this.#homeGroup[ref] = 0;
  }

  /** The series' next sample will go wherever it arrives. */
  unsettle(ref: SeriesRef): void {
    this.#leave(ref);
    this.#version++;
  }

  home(ref: SeriesRef): Place | undefined {
    const group = this.groups.get(this.#homeGroup[ref] ?? 0);
    return group === undefined ? undefined : { group, column: this.#homeColumn[ref] as number };
  }

  homeGroupId(ref: SeriesRef): number {
    return this.#homeGroup[ref] ?? 0;
  }

  homeColumn(ref: SeriesRef): number {
    return this.#homeColumn[ref] ?? 0;
  }

  /** Earlier places, oldest first; undefined for nearly every series. */
  former(ref: SeriesRef): readonly Place[] | undefined {
    return this.#former.get(ref);
  }

  /**
   * So many of `refs` from place `from` on lie column by column in the home of the first, and have never lived elsewhere;
   * 0 when the first has.
   */
  together(refs: Uint32Array, from: number): number {
    const first = refs[from] as number;
    const group = this.groups.get(this.#homeGroup[first] ?? 0);
    const moved = this.#former;
    if (group === undefined || moved.has(first)) return 0;
    const column = this.#homeColumn[first] as number;
    const most = Math.min(refs.length - from, group.columns - column);
    // Without a loop: a start has just begun to know how to run one.
    if (moved.size === 0 && sameNumbers(refs, from, group.refs, column, most)) return most;
    let count = 1;
    while (
      count < most &&
      group.refs[column + count] === refs[from + count] &&
      !moved.has(refs[from + count] as number)
    )
      count++;
    return count;
  }

  /** Living series of a group go without a home, and the group takes no more samples. */
  retire(group: Group): void {
    group.retired = true;
    for (const ref of group.refs.subarray(0, group.columns)) if (this.#homeGroup[ref] === group.id) this.#leave(ref);
    this.#version++;
  }

  /** Forgets a group that holds nothing any more, and the series that lived only there. */
  remove(group: Group): void {
    this.groups.delete(group.id);
    for (const ref of group.refs.subarray(0, group.columns)) {
      const former = this.#former.get(ref)?.filter((place) => place.group !== group);
      if (former !== undefined && former.length > 0) this.#former.set(ref, former);
      else this.#former.delete(ref);
      if (this.#homeGroup[ref] === group.id) this.#homeGroup[ref] = 0;
      if (this.#homeGroup[ref] === 0 && !this.#former.has(ref)) this.index.kill(ref);
    }
    this.#version++;
  }

  isCurrent(plan: RowPlan | undefined, refs: Float64Array, count: number): plan is RowPlan {
    if (plan === undefined || plan.version !== this.#version || plan.refs.length !== count) return false;
    return plan.refs instanceof Uint32Array ? startsAs(refs, plan.refs) : equals(refs, plan.refs);
  }

  /** Decides where each of the first `count` refs goes, housing those without a home. */
  planRow(refs: Float64Array, count: number): RowPlan {
    const votes = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      const id = this.homeGroupId(refs[i] as number);
      if (id !== 0) votes.set(id, (votes.get(id) ?? 0) + 1);
    }
    const [winner] = [...votes].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const group = (winner === undefined ? undefined : this.groups.get(winner[0])) ?? this.createGroup();
    let columns = new Int32Array(count).fill(-1);
    group.reserve(group.columns + count - [...votes.values()].reduce((sum, housed) => sum + housed, 0));
    const strays: number[] = [];
    const taken = new Set<SeriesRef>();
    let refused = 0;
    let straight = true;
    for (let i = 0; i < count; i++) {
      const ref = refs[i] as number;
      if (ref === NO_REF) {
        refused++;
      } else if (taken.has(ref) || (this.homeGroupId(ref) !== 0 && this.homeGroupId(ref) !== group.id)) {
        strays.push(i);
      } else {
        taken.add(ref);
        columns[i] = this.homeGroupId(ref) === 0 ? this.settle(ref, group) : this.homeColumn(ref);
      }
      if (columns[i] !== i) straight = false;
    }
    if (straight) columns = sameColumns(count);
    // What a target's pages need again and again is in memory once.
    const own = straight ? group.refs.subarray(0, count) : refs.slice(0, count);
    return { refs: own, group, columns, straight, strays, refused, version: this.#version };
  }
}

function equals(refs: Float64Array, known: Float64Array): boolean {
  for (let i = 0; i < known.length; i++) if (known[i] !== refs[i]) return false;
  return true;
}

function sameNumbers(a: Uint32Array, fromA: number, b: Uint32Array, fromB: number, count: number): boolean {
  const bytesOf = (all: Uint32Array, from: number): Uint8Array =>
    new Uint8Array(all.buffer, all.byteOffset + from * all.BYTES_PER_ELEMENT, count * all.BYTES_PER_ELEMENT);
  return Buffer.compare(bytesOf(a, fromA), bytesOf(b, fromB)) === 0;
}

function startsAs(refs: Float64Array, known: Uint32Array): boolean {
  for (let i = 0; i < known.length; i++) if (known[i] !== refs[i]) return false;
  return true;
}

let same = new Int32Array(0);

/** Column i for entry i. */
function sameColumns(count: number): Int32Array<ArrayBuffer> {
  if (same.length < count) same = Int32Array.from({ length: count }, (_, i) => i);
  return same.subarray(0, count);
}
