/**
 * Reads a stopped store's append log to its last byte: what is damaged, cut or gone, between which rows that lies, and
 * how many series may lack some. Times come from the rows beside a damaged place; rows that cannot be read without it count too.
 */
import { ByteReader, DamagedError } from "./bytes.ts";
import type { Group } from "./group.ts";
import { unpackLayout } from "./labels-record.ts";
import { countLayout } from "./layout-read.ts";
import { fileOf, listLog, logName, type LogPosition, type LogReaderSink, readLogFile } from "./log.ts";
import { type LogSink, type ReadChain, readRecord, type RowPlace } from "./log-format.ts";
import type { LoggedRow } from "./logged-rows.ts";
import { cutLog, LOST_LOG, lostLogFiles } from "./missing.ts";
import { type SettledLoss, TIME_UNKNOWN } from "./options.ts";
import { ChangingRows } from "./row-changes.ts";

const POSITION_SCALE = 2 ** 32;
/** What a write that was in flight when the process died leaves at the end of the newest file. */
const IN_FLIGHT = new Set(["the file ends within a record", "file shorter than its header"]);

export interface LogKnown {
  /** Bytes of closed files, as the marks have them. */
  readonly ends: ReadonlyMap<number, number>;
  /** The newest file that the database knows of. */
  readonly last: number;
}

export interface LogCheck {
  readonly records: number;
  readonly problems: readonly { readonly what: string; readonly why: string }[];
  /** Numbers of files that are there and damaged. */
  readonly damaged: readonly number[];
}

/** @param read is told of the bytes of each file. */
export function checkLog(dir: string, { ends, last }: LogKnown, read: (bytes: number) => void): LogCheck {
  let records = 0;
  const damaged = new Set<number>();
  const { files } = listLog(dir);
  const problems = lostLogFiles(files, last, [...ends.keys()]).map((what) => ({ what, why: LOST_LOG }));
  for (const { number, bytes } of files) {
    read(bytes);
    const add = (what: string, why: string): void => {
      problems.push({ what, why });
      damaged.add(number);
    };
    const cut = cutLog(bytes, ends.get(number));
    if (cut !== undefined) add(`log/${logName(number)}`, cut);
    const newest = number === files.at(-1)?.number;
    readLogFile(dir, number, false, {
      record: () => void records++,
      damaged(position, count, why) {
        if (newest && IN_FLIGHT.has(why)) return;
        add(`${count} bytes of log file ${number} at ${position % POSITION_SCALE}`, why);
      },
    });
  }
  return { records, problems, damaged: [...damaged] };
}

class Range {
  least = Number.POSITIVE_INFINITY;
  most = Number.NEGATIVE_INFINITY;

  add(t: number): void {
    this.least = Math.min(this.least, t);
    this.most = Math.max(this.most, t);
  }
}

class LostRows implements LogSink, LogReaderSink {
  readonly changing: ChangingRows = new ChangingRows();
  readonly #ends: ReadonlyMap<number, number>;
  readonly #chains = new Map<number, ReadChain>();
  /** Columns by group, those whose labels are known. */
  readonly columns: Map<number, number>;
  readonly lost: Range = new Range();
  places = 0;
  /** A place that no row stands before. */
  sinceUnknown = false;
  /** A place that no row stands behind so far. */
  open = false;
  #newest = false;
  #before: Range | undefined;
  #record = new Range();

  constructor(ends: ReadonlyMap<number, number>, groups: readonly Group[]) {
    this.#ends = ends;
    this.columns = new Map(groups.map(({ id, columns }) => [id, columns]));
  }

  nextFile(newest: boolean): void {
    this.#newest = newest;
    this.#chains.clear();
    this.changing.clear();
  }

  /** Something is missing between the last row and the next. */
  lose(): void {
    if (!this.open) this.places++;
    if (this.#before === undefined) this.sinceUnknown = true;
    else this.lost.add(this.#before.least);
    this.open = true;
  }

  record(_: LogPosition, payload: Uint8Array): void {
    this.#record = new Range();
    try {
      readRecord(new ByteReader(payload), this);
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      this.lose();
    }
    if (this.#record.least > this.#record.most) return;
    if (this.open) this.lost.add(this.#record.most);
    this.open = false;
    this.#before = this.#record;
  }

  damaged(position: LogPosition, _bytes: number, why: string): void {
    // Behind its end a closed file held nothing.
    const end = this.#ends.get(fileOf(position));
    const isLoss = end === undefined ? !this.#newest || !IN_FLIGHT.has(why) : position % POSITION_SCALE < end;
    if (isLoss) this.lose();
  }

  define(group: number, firstColumn: number, packed: Uint8Array): void {
    const known = firstColumn + countLayout(unpackLayout(packed));
    this.columns.set(group, Math.max(known, this.columns.get(group) ?? 0));
  }

  chain(group: number): ReadChain {
    let chain = this.#chains.get(group);
    if (chain === undefined) this.#chains.set(group, (chain = { row: this.changing.make(0), next: 0 }));
    return chain;
  }

  row(place: RowPlace, _values: Float64Array, _cells: Uint8Array | undefined, { columns }: LoggedRow): void {
    this.#read(place, columns);
  }

  cell(place: RowPlace, column: number): void {
    this.#read(place, column + 1);
  }

  broken({ t }: RowPlace): void {
    this.lost.add(t);
  }

  describe(): void {
    // Says nothing of any time.
  }

  #read({ group, t }: RowPlace, columns: number): void {
    if (columns > (this.columns.get(group) ?? 0)) this.lost.add(t);
    else this.#record.add(t);
  }
}

/**
 * What a damaged log costs; undefined when every place lies behind what was written.
 *
 * @param groups as the database has them.
 */
export function lossOf(
  dir: string,
  { ends, last }: LogKnown,
  groups: readonly Group[],
  now: number,
): SettledLoss | undefined {
  const rows = new LostRows(ends, groups);
  const { files } = listLog(dir);
  const oldest = files[0]?.number ?? 1;
  let before = [...ends.keys()].some((file) => file < oldest) ? oldest - 2 : oldest - 1;
  for (const { number, bytes } of files) {
    if (number > before + 1) rows.lose();
    before = number;
    rows.nextFile(number === files.at(-1)?.number);
    readLogFile(dir, number, false, rows);
    if (cutLog(bytes, ends.get(number)) !== undefined) rows.lose();
  }
  if (Math.max(last, ...ends.keys()) > before) rows.lose();
  if (rows.places === 0) return undefined;
  const { lost, places } = rows;
  if (rows.open) lost.add(now);
  if (rows.sinceUnknown) lost.least = Math.min(lost.least, sealedUntil(groups));
  const series = [...rows.columns.values()].reduce((a, b) => a + b, 0);
  return { at: now, from: lost.least, to: lost.most, blocks: places, series, log: true };
}

/** Since when rows may be missing that no row stands before: what is sealed of a group is older. */
function sealedUntil(groups: readonly Group[]): number {
  const ends = groups.map(({ sealedEnd }) => sealedEnd).filter(Number.isFinite);
  return ends.length === 0 ? TIME_UNKNOWN : ends.reduce((a, b) => Math.min(a, b));
}
