/**
 * One commit: rows and loose samples in, a record of the append log and cells of the head out. Series that arrive
 * together are housed together; samples older than what is sealed go to their group's late chunk. When a chunk is
 * full, what was gathered so far is written first, so that the log position cleanly divides sealed from not sealed.
 */
import type { Metadata } from "../model/metadata.ts";
import type { SeriesRef, Timestamp } from "../model/sample.ts";
import { ByteWriter } from "./bytes.ts";
import { CELL_ABSENT, CELL_STALE, CELL_VALUE } from "./column.ts";
import type { Group } from "./group.ts";
import type { Head, RowPlan } from "./head.ts";
import { packColumns } from "./labels-record.ts";
import type { AppendLog } from "./log.ts";
import {
  newChain,
  type RowPlace,
  writeCells,
  writeDefine,
  writeDescribe,
  type WrittenRow,
  writeRow,
} from "./log-format.ts";
import { SAME, SET } from "./rows.ts";

/** Fewer cells of one time than this are not worth a row. */
const ROW_CELLS_MIN = 8;
/** A commit with more loose samples is an import, which may be cut anywhere. */
const WHOLE_COMMIT_LOOSE_MAX = 4_096;
/** Loose series beyond this many are not added to a group by time alone. */
const COMPANY_COLUMNS_MAX = 8_192;

export interface RowInput {
  readonly plan: RowPlan;
  readonly t: Timestamp;
  readonly values: Float64Array;
  readonly stale: Uint8Array | undefined;
}

/** Samples appended one by one; arrays of one length. */
export interface LooseInput {
  readonly refs: SeriesRef[];
  readonly t: Timestamp[];
  readonly v: number[];
  readonly stale: boolean[];
}

export interface Tally {
  accepted: number;
  duplicate: number;
  outOfOrder: number;
}

export interface IngestHooks {
  /** Takes the group's chunk out of the head and queues it for the database. */
  seal(group: Group, late: boolean): void;
  /** Writes one record; false when the store is read-only. Throws nothing. */
  write(payload: Uint8Array): boolean;
  /** Whether records are written now. */
  writable(): boolean;
}

export class Ingest {
  readonly #head: Head;
  readonly #log: AppendLog;
  readonly #hooks: IngestHooks;
  readonly #ops = new ByteWriter(64 * 1024);
  #scratch: Float64Array = new Float64Array(256);
  #cells: Uint8Array = new Uint8Array(256);
  #durable = true;

  constructor(head: Head, log: AppendLog, hooks: IngestHooks) {
    this.#head = head;
    this.#log = log;
    this.#hooks = hooks;
  }

  /** Applies everything of one commit. @returns false when it is in memory only. */
  commit(
    rows: readonly RowInput[],
    loose: LooseInput,
    described: readonly (readonly [string, Metadata])[],
    tally: Tally,
  ): boolean {
    this.#durable = this.#hooks.writable();
    this.#ops.reset();
    this.#makeRoomForAll(rows, loose);
    for (const row of rows) this.#row(row, loose, tally);
    if (loose.refs.length > 0) this.#loose(loose, new Map(rows.map(({ t, plan }) => [t, plan.group])), tally);
    if (this.#durable) for (const [family, metadata] of described) writeDescribe(this.#ops, family, metadata);
    this.#flush();
    return this.#durable;
  }

  #flush(): void {
    if (this.#ops.length > 0 && this.#durable) this.#durable = this.#hooks.write(this.#ops.view());
    this.#ops.reset();
  }

  /** Makes the current log file explain the group's columns. */
  #define(group: Group): void {
    if (group.chainFile !== this.#log.fileNumber) {
      group.chainFile = this.#log.fileNumber;
      group.chain = newChain();
      group.defined = 0;
    }
    if (group.defined === group.columns) return;
    const packed = packColumns(group, group.defined, group.columns, (ref) => this.#head.index.makeLabels(ref));
    writeDefine(this.#ops, group.id, group.defined, packed);
    group.defined = group.columns;
  }

  /**
   * Seals first where the commit's fresh times do not fit, so that it becomes one record: a crash keeps all of a scrape
   * or nothing. A commit that fills chunks by itself is written in parts.
   */
  #makeRoomForAll(rows: readonly RowInput[], { refs, t }: LooseInput): void {
    if (refs.length > WHOLE_COMMIT_LOOSE_MAX) return;
    const head = this.#head;
    if (rows.length === 1 && refs.length === 0) {
      const { plan, t: at } = rows[0] as RowInput;
      const { group } = plan;
      // The usual scrape: one fresh row behind the others.
      if (!group.isLate(at) && (group.holds(false, at) || !group.overflows(false, 1))) return;
    }
    // Sealing what is in order can make times late: these are looked at after it.
    for (const late of [false, true]) {
      const fresh = new Map<Group, Set<Timestamp>>();
      const look = (group: Group | undefined, at: Timestamp): void => {
        if (group === undefined || group.isLate(at) !== late || group.holds(late, at)) return;
        const times = fresh.get(group);
        if (times === undefined) fresh.set(group, new Set([at]));
        else times.add(at);
      };
      for (const row of rows) look(row.plan.group, row.t);
      for (let i = 0; i < refs.length; i++) look(head.groups.get(head.homeGroupId(refs[i] as number)), t[i] as number);
      for (const [group, times] of fresh) if (group.overflows(late, times.size)) this.#hooks.seal(group, late);
    }
  }

  /** Seals first where a new row at `t` does not fit. @returns whether the sample is a late one. */
  #makeRoom(group: Group, t: Timestamp): boolean {
    let late = group.isLate(t);
    if (group.mustSeal(late, t)) {
      this.#flush();
      this.#hooks.seal(group, late);
      late = group.isLate(t);
    }
    if (this.#durable) this.#define(group);
    return late;
  }

  #row({ plan, t, values, stale }: RowInput, loose: LooseInput, tally: Tally): void {
    const { group } = plan;
    const count = plan.refs.length;
    for (const i of plan.strays) {
      loose.refs.push(plan.refs[i] as number);
      loose.t.push(t);
      loose.v.push(values[i] as number);
      loose.stale.push(stale?.[i] === 1);
    }
    if (plan.strays.length + plan.refused === count) return;
    const late = this.#makeRoom(group, t);
    const rows = group.rowsFor(late, this.#log.position);
    const place = { group: group.id, late, t };
    if (late) tally.outOfOrder += count;
    if (rows.has(t)) {
      for (let i = 0; i < count; i++) {
        if ((plan.columns[i] as number) < 0) continue;
        loose.refs.push(plan.refs[i] as number);
        loose.t.push(t);
        loose.v.push(values[i] as number);
        loose.stale.push(stale?.[i] === 1);
      }
      return;
    }
    const row = rows.row(t);
    if (plan.straight && stale === undefined) {
      rows.fill(row, values, count, this.#logRow(group, place, values, count));
      tally.accepted += count;
      return;
    }
    this.#fit(group.columns);
    if (stale === undefined && this.#inColumns(plan, values) === group.columns) {
      rows.fill(row, this.#scratch, group.columns, this.#logRow(group, place, this.#scratch, group.columns));
      tally.accepted += group.columns;
      return;
    }
    const cells = this.#cells.fill(CELL_ABSENT, 0, group.columns);
    for (let i = 0; i < count; i++) {
      const column = plan.columns[i] as number;
      if (column < 0) continue;
      const isStale = stale?.[i] === 1;
      this.#scratch[column] = values[i] as number;
      cells[column] = isStale ? CELL_STALE : CELL_VALUE;
      rows.set(row, column, values[i] as number, isStale);
      tally.accepted++;
    }
    if (this.#durable) writeRow(this.#ops, group.chain, place, this.#scratch, cells, group.columns);
  }

  #logRow(group: Group, place: RowPlace, values: Float64Array, count: number): WrittenRow | undefined {
    return this.#durable ? writeRow(this.#ops, group.chain, place, values, undefined, count) : undefined;
  }

  /** Puts a row's values into the scratch in the order of the columns. @returns how many columns have one. */
  #inColumns({ columns }: RowPlan, values: Float64Array): number {
    let placed = 0;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i] as number;
      if (column < 0) continue;
      this.#scratch[column] = values[i] as number;
      placed++;
    }
    return placed;
  }

  #fit(columns: number): void {
    if (this.#scratch.length >= columns) return;
    this.#scratch = new Float64Array(columns * 2);
    this.#cells = new Uint8Array(columns * 2);
  }

  /** Finds a home for loose series without one: in company of what came at the same times. */
  #settleLoose({ refs, t }: LooseInput, rowGroups: Map<Timestamp, Group>): void {
    const head = this.#head;
    const homeless = new Map<SeriesRef, Timestamp[]>();
    const company = new Map<Timestamp, Group>(rowGroups);
    for (let i = 0; i < refs.length; i++) {
      const ref = refs[i] as number;
      const at = t[i] as number;
      const group = head.groups.get(head.homeGroupId(ref));
      if (group === undefined) {
        const times = homeless.get(ref);
        if (times === undefined) homeless.set(ref, [at]);
        else times.push(at);
      } else if (!company.has(at)) {
        company.set(at, group);
      }
    }
    const bySignature = new Map<string, Group>();
    for (const [ref, times] of homeless) {
      const near = times.length === 1 ? company.get(times[0] as number) : undefined;
      if (near !== undefined && near.columns < COMPANY_COLUMNS_MAX) {
        head.settle(ref, near);
        continue;
      }
      const signature = signatureOf(times);
      let group = bySignature.get(signature);
      if (group === undefined) bySignature.set(signature, (group = head.createGroup()));
      head.settle(ref, group);
    }
  }

  #loose(loose: LooseInput, rowGroups: Map<Timestamp, Group>, tally: Tally): void {
    const head = this.#head;
    this.#settleLoose(loose, rowGroups);
    const { refs, t } = loose;
    const column = Uint32Array.from(refs, (ref) => head.homeColumn(ref));
    // By group, then time: series come one after the other, each with the same few times.
    const places = new Map<number, Map<Timestamp, number[]>>();
    for (let i = 0; i < refs.length; i++) {
      const id = head.homeGroupId(refs[i] as number);
      let times = places.get(id);
      if (times === undefined) places.set(id, (times = new Map()));
      const which = times.get(t[i] as number);
      if (which === undefined) times.set(t[i] as number, [i]);
      else which.push(i);
    }
    for (const id of ascending(places.keys())) {
      const group = head.groups.get(id) as Group;
      const times = places.get(id) as Map<Timestamp, number[]>;
      for (const at of ascending(times.keys())) {
        const which = times.get(at) as number[];
        if (!isAscending(which, column)) {
          which.sort((a, b) => (column[a] as number) - (column[b] as number) || a - b);
        }
        this.#cellsOfTime(group, at, which, { column, v: loose.v, stale: loose.stale }, tally);
      }
    }
  }

  #cellsOfTime(
    group: Group,
    t: Timestamp,
    which: readonly number[],
    from: { readonly column: Uint32Array; readonly v: readonly number[]; readonly stale: readonly boolean[] },
    tally: Tally,
  ): void {
    const late = this.#makeRoom(group, t);
    const rows = group.rowsFor(late, this.#log.position);
    const fresh = !rows.has(t);
    const row = rows.row(t);
    const set: number[] = [];
    for (const i of which) {
      const outcome = rows.set(row, from.column[i] as number, from.v[i] as number, from.stale[i] as boolean);
      if (outcome === SET) set.push(i);
      if (outcome === SET || outcome === SAME) tally.accepted++;
      else tally.duplicate++;
    }
    if (late) tally.outOfOrder += set.length;
    if (set.length === 0 || !this.#durable) return;
    const place = { group: group.id, late, t };
    if (fresh && set.length >= ROW_CELLS_MIN && set.length * 2 >= group.columns) {
      this.#writeAsRow(group, place, set, from);
      return;
    }
    writeCells(this.#ops, place, set.length, (k) => {
      const i = set[k] as number;
      return { column: from.column[i] as number, value: from.v[i] as number, stale: from.stale[i] as boolean };
    });
  }

  /** Most cells of a time that had none: as a row it holds only what changed since the row before. */
  #writeAsRow(
    group: Group,
    place: RowPlace,
    set: readonly number[],
    from: { readonly column: Uint32Array; readonly v: readonly number[]; readonly stale: readonly boolean[] },
  ): void {
    const { columns } = group;
    this.#fit(columns);
    const cells = this.#cells.fill(CELL_ABSENT, 0, columns);
    let whole = set.length === columns;
    for (const i of set) {
      const column = from.column[i] as number;
      const stale = from.stale[i] as boolean;
      this.#scratch[column] = from.v[i] as number;
      cells[column] = stale ? CELL_STALE : CELL_VALUE;
      if (stale) whole = false;
    }
    writeRow(this.#ops, group.chain, place, this.#scratch, whole ? undefined : cells, columns);
  }
}

function ascending(numbers: Iterable<number>): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}

/** Whether no column comes twice or before a smaller one. */
function isAscending(which: readonly number[], column: Uint32Array): boolean {
  for (let k = 1; k < which.length; k++) {
    if ((column[which[k] as number] as number) <= (column[which[k - 1] as number] as number)) return false;
  }
  return true;
}

/** Equal for equal lists of times; a clash costs compression, never correctness. */
function signatureOf(times: readonly Timestamp[]): string {
  let hash = 0x811c9dc5;
  for (const t of times) hash = Math.imul(hash ^ (t % 0x7fff_ffff), 0x01000193) ^ (hash >>> 13);
  return `${times.length} ${times[0]} ${times.at(-1)} ${hash}`;
}

export function emptyLoose(): LooseInput {
  return { refs: [], t: [], v: [], stale: [] };
}
