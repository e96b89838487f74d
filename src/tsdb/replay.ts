/**
 * Brings back what the append log holds beyond the database. Files are read one at a time and chunks that fill up go
 * to the database between files, so memory stays bounded whatever the log's size. A record that cannot be placed is
 * named; the rows after it wait for the next whole row of their group.
 */
import type { Metadata } from "../model/metadata.ts";
import { ByteReader, DamagedError } from "./bytes.ts";
import { CELL_ABSENT, CELL_STALE } from "./column.ts";
import type { Damage } from "./damage.ts";
import type { Group } from "./group.ts";
import type { Head } from "./head.ts";
import { adopt } from "./load.ts";
import { fileOf, type LogPosition, listLog, logName, type LogReaderSink, readLogFile } from "./log.ts";
import { beginLogFile, logBytes } from "./log-ahead.ts";
import { type LogSink, type ReadChain, readRecord, type RowPlace } from "./log-format.ts";
import type { LoggedRow, LoggedRows } from "./logged-rows.ts";
import { cutLog } from "./missing.ts";
import { ChangingRows } from "./row-changes.ts";

const POSITION_SCALE = 2 ** 32;
/** Samples of a replay that stay plain doubles for now (16 MB): packing them would make the first answer wait. */
const PLAIN_SAMPLES_MAX = 2 * 1024 * 1024;

export interface ReplayHooks {
  seal(group: Group, late: boolean, until: LogPosition): void;
  describe(family: string, metadata: Metadata): void;
  /** Where files of the log ended when they were closed, by number. */
  readonly ends: ReadonlyMap<number, number>;
  /** Carries sealed chunks to the database. */
  drain(): Promise<void>;
}

export interface Replayed {
  readonly records: number;
  readonly samples: number;
  /** Bytes of the write that was in flight when the process died. */
  readonly tornBytes: number;
}

interface ReplayChain extends ReadChain {
  /** Where its row is the newest, as the log has it. */
  into: LoggedRows | undefined;
}

class Replay implements LogSink, LogReaderSink {
  readonly #head: Head;
  readonly #damage: Damage;
  readonly #hooks: ReplayHooks;
  readonly changing: ChangingRows = new ChangingRows();
  #chains = new Map<number, ReplayChain>();
  /** Whether the file at hand is the last one: its bytes may stay in memory. */
  #newest = false;
  #position: LogPosition = 0;
  records = 0;
  samples = 0;

  constructor(head: Head, damage: Damage, hooks: ReplayHooks) {
    this.#head = head;
    this.#damage = damage;
    this.#hooks = hooks;
  }

  nextFile(newest: boolean): void {
    this.#newest = newest;
    this.#chains = new Map();
    this.changing.clear();
  }

  #where(position: LogPosition): string {
    return `log/${String(fileOf(position)).padStart(8, "0")}.log at ${position % POSITION_SCALE}`;
  }

  record(position: LogPosition, payload: Uint8Array): void {
    this.#position = position;
    this.records++;
    try {
      readRecord(new ByteReader(payload), this);
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      this.#damage.add(this.#where(position), error.message);
    }
  }

  damaged(position: LogPosition, bytes: number, why: string): void {
    this.#damage.add(`${bytes} bytes of ${this.#where(position)}`, why);
  }

  define(id: number, firstColumn: number, packedLayout: Uint8Array): void {
    const group = this.#head.groups.get(id) ?? this.#head.createGroup(id);
    adopt(this.#head, group, firstColumn, packedLayout);
  }

  /** Who asks for the newest rows first need not read them. */
  close(): void {
    for (const { into, row } of this.#chains.values()) into?.know(row);
  }

  chain(group: number): ReadChain {
    let chain = this.#chains.get(group);
    if (chain === undefined)
      this.#chains.set(group, (chain = { row: this.changing.make(0), next: 0, into: undefined }));
    return chain;
  }

  describe(family: string, metadata: Metadata): void {
    this.#hooks.describe(family, metadata);
  }

  broken(place: RowPlace): void {
    this.#damage.add(
      `rows of group ${place.group} after ${this.#where(this.#position)}`,
      "the record they build on is damaged",
    );
  }

  /** The group a sample goes to; undefined when it is in the database already or its group is unknown. */
  #target(place: RowPlace, columns: number): Group | undefined {
    const group = this.#head.groups.get(place.group);
    if (group === undefined || columns > group.columns) {
      this.#damage.add(`samples in ${this.#where(this.#position)}`, "the labels of their series are lost");
      return undefined;
    }
    if (this.#position < (place.late ? group.lateUntil : group.openUntil)) return undefined;
    if (group.mustSeal(place.late, place.t)) this.#hooks.seal(group, place.late, this.#position);
    return group;
  }

  row(place: RowPlace, values: Float64Array, cells: Uint8Array | undefined, logged: LoggedRow): void {
    const { columns } = logged;
    const group = this.#target(place, columns);
    const chain = this.#chains.get(place.group) as ReplayChain;
    const { into } = chain;
    chain.into = undefined;
    if (group === undefined) return;
    const rows = group.rowsFor(place.late, this.#position);
    rows.packsLater = this.samples < PLAIN_SAMPLES_MAX;
    const kept = rows.packsLater && !place.late ? rows.loggedFor(place.t) : undefined;
    if (kept !== undefined) {
      const before = rows.samples;
      const follows = logged.whole || into === kept;
      rows.log(place.t, follows ? this.#kept(logged) : values.slice(), cells, columns);
      this.samples += rows.samples - before;
      chain.into = kept;
      return;
    }
    const fresh = !rows.has(place.t);
    const row = rows.row(place.t);
    if (fresh && cells === undefined) {
      rows.fill(row, values, columns);
      this.samples += columns;
      return;
    }
    for (let c = 0; c < columns; c++) {
      if (cells !== undefined && cells[c] === CELL_ABSENT) continue;
      rows.set(row, c, values[c] as number, cells?.[c] === CELL_STALE);
      this.samples++;
    }
  }

  /** Of older files only what is needed stays. */
  #kept(row: LoggedRow): LoggedRow {
    if (this.#newest) return row;
    const bytes = new Uint8Array(row.bytes.subarray(row.at, row.end));
    return { ...row, bytes, at: 0, end: bytes.length };
  }

  cell(place: RowPlace, column: number, value: number, stale: boolean): void {
    const group = this.#target(place, column + 1);
    if (group === undefined) return;
    const rows = group.rowsFor(place.late, this.#position);
    rows.set(rows.row(place.t), column, value, stale);
    this.samples++;
  }
}

/** Replays all files of the log directory. @throws UserError `store-format`. */
export async function replayLog(dir: string, head: Head, damage: Damage, hooks: ReplayHooks): Promise<Replayed> {
  const replay = new Replay(head, damage, hooks);
  const { files, foreign } = listLog(dir);
  for (const name of foreign) damage.foreign(`log/${name}`);
  let tornBytes = 0;
  for (const [i, file] of files.entries()) {
    const following = files[i + 1];
    replay.nextFile(following === undefined);
    const data = await logBytes(dir, file.number);
    if (following !== undefined) beginLogFile(dir, following.number);
    const cut = cutLog(data.length, hooks.ends.get(file.number));
    if (cut !== undefined) damage.add(`log/${logName(file.number)}`, cut);
    tornBytes += readLogFile(dir, file.number, following === undefined, replay, data);
    await hooks.drain();
  }
  replay.close();
  for (const { open, late } of head.groups.values()) for (const rows of [open, late]) if (rows) rows.packsLater = false;
  return { records: replay.records, samples: replay.samples, tornBytes };
}
