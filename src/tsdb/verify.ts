/**
 * fsck: reads every record of a stopped store down to the last value and says what is wrong. With `repair`, records
 * that fail move aside inside the database (under `q` and their old key; nothing is deleted), labels come back from
 * their second copy, and what is lost is put on record and missed no more. Opening LevelDB changes files, so who wants a mere check gives a picture of the database.
 */
import { existsSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { type ByteLevel, isLevelDamage, type LevelOp, type OpenedLevel, openLevel } from "../base/leveldb.ts";
import { silentLogger } from "../base/log.ts";
import { ByteReader, DamagedError } from "./bytes.ts";
import { type ChunkHeader, chunkName, readChunkHeader } from "./chunk.ts";
import { Damage } from "./damage.ts";
import { chunkKey, groupKey, parseChunkKey, parseGroupKey, rangeOf } from "./keys.ts";
import { unpackLabels } from "./labels-record.ts";
import { readableFormat } from "./load.ts";
import type { Group } from "./group.ts";
import { fileOf, listLog } from "./log.ts";
import { checkLog, type LogCheck, lossOf } from "./log-check.ts";
import { type KnownMarks, Marks, MARKS_FILE, marksOf } from "./marks.ts";
import { refuseNewer } from "./newer.ts";
import type { SettledLoss } from "./options.ts";
import { openRecord, Segment, SEGMENT_COLUMNS, sealRecord } from "./segment.ts";
import { groupsOf, Losses, SegmentBook, settleChunks } from "./settle.ts";
import { settleLog } from "./settle-log.ts";
import { sizeOf } from "./space.ts";

export interface VerifyOptions {
  readonly clock: Clock;
  readonly repair?: boolean;
  /** Where a picture of the database `series` stands; the database itself when absent. */
  readonly series?: string;
  /** Called now and then with the records read so far, and which share of all bytes that is, 0 to 1. */
  readonly onProgress?: (records: number, share: number) => void;
}

interface VerifyProblem {
  readonly what: string;
  readonly why: string;
}

export interface VerifyReport {
  readonly records: number;
  readonly chunks: number;
  readonly segments: number;
  readonly samples: number;
  readonly logRecords: number;
  readonly problems: readonly VerifyProblem[];
  /** What `repair` did, one sentence each. */
  readonly repaired: readonly string[];
}

const PROGRESS_EVERY = 1_000;
const QUARANTINE_PREFIX = 0x71;

class Check {
  readonly #db: ByteLevel;
  readonly #options: VerifyOptions;
  readonly problems: VerifyProblem[] = [];
  readonly repaired: string[] = [];
  readonly #groups = new Set<number>();
  readonly #segments = new SegmentBook();
  /** Chunks whose header fails. */
  readonly #broken = new Map<number, number[]>();
  readonly losses = new Losses();
  records = 0;
  chunks = 0;
  segments = 0;
  samples = 0;

  /** As they stand once all is read. */
  groups: readonly Group[] = [];
  /** The newest log file that the database knows of. */
  lastLog = 0;
  readonly #sizeBytes: number;
  #bytes = 0;

  constructor(db: ByteLevel, options: VerifyOptions, sizeBytes: number) {
    this.#db = db;
    this.#sizeBytes = Math.max(1, sizeBytes);
    this.#options = options;
  }

  read(bytes: number): void {
    this.#bytes += bytes;
    this.#options.onProgress?.(this.records, Math.min(1, this.#bytes / this.#sizeBytes));
  }

  async #each(kind: string, visit: (key: Uint8Array, record: Uint8Array) => Promise<void>): Promise<void> {
    try {
      for await (const [key, record] of this.#db.iterator(rangeOf(kind))) {
        this.#bytes += key.length + record.length;
        if (++this.records % PROGRESS_EVERY === 0)
          this.#options.onProgress?.(this.records, Math.min(1, this.#bytes / this.#sizeBytes));
        await visit(key, record);
      }
    } catch (error) {
      if (!isLevelDamage(error)) throw error;
      this.problems.push({ what: `table blocks with ${kind} records`, why: (error as Error).message });
    }
  }

  /** Runs `read`; damage is noted and, when repairing, the record moves aside. @returns undefined when damaged. */
  async #sound<T>(what: string, key: Uint8Array, record: Uint8Array, read: () => T): Promise<T | undefined> {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      this.problems.push({ what, why: error.message });
    }
    await this.#moveAside(what, key, record);
    return undefined;
  }

  /** Names what is wrong with a whole record, which moves aside when repairing. */
  async #useless(what: string, why: string, key: Uint8Array, record: Uint8Array): Promise<void> {
    this.problems.push({ what, why });
    await this.#moveAside(what, key, record);
  }

  async #moveAside(what: string, key: Uint8Array, record: Uint8Array): Promise<void> {
    if (this.#options.repair !== true) return;
    const aside = new Uint8Array(key.length + 1);
    aside[0] = QUARANTINE_PREFIX;
    aside.set(key, 1);
    const ops: LevelOp[] = [
      { type: "put", key: aside, value: record },
      { type: "del", key },
    ];
    await this.#db.batch(ops, { sync: true });
    this.repaired.push(`${what} moved aside`);
  }

  /** What it took to open the database. */
  opened({ setAside, repaired, reason = "" }: OpenedLevel): void {
    if (this.#options.series === undefined) {
      if (setAside !== undefined)
        this.problems.push({ what: `the series database, set aside as "${setAside}"`, why: reason });
      else if (repaired) this.repaired.push(`the series database: ${reason}`);
    } else if (setAside !== undefined)
      this.problems.push({
        what: "the series database",
        why: `${reason}; it cannot be repaired, an engine sets it aside`,
      });
    else if (repaired)
      this.problems.push({ what: "the series database", why: `${reason}; what can be read after a repair follows` });
  }

  async labels(): Promise<void> {
    const lost: { readonly group: number; readonly firstColumn: number }[] = [];
    for (const copy of ["g", "h"] as const) {
      await this.#each(copy, async (key, record) => {
        const place = parseGroupKey(key);
        if (place === undefined) return void this.problems.push({ what: "a labels record", why: "unknown key" });
        const what = `labels of group ${place.group} from column ${place.firstColumn}${copy === "h" ? ", second copy" : ""}`;
        const sets = await this.#sound(what, key, record, () => unpackLabels(openRecord(key, record)));
        if (sets !== undefined) this.#groups.add(place.group);
        else if (copy === "g") lost.push(place);
      });
    }
    if (this.#options.repair === true) for (const place of lost) await this.#fromCopy(place.group, place.firstColumn);
  }

  /** Writes labels anew from the second copy that covers them. */
  async #fromCopy(group: number, firstColumn: number): Promise<void> {
    const range = { gte: groupKey("h", group, 0), lte: groupKey("h", group, firstColumn), reverse: true, limit: 1 };
    for await (const [key, record] of this.#db.iterator(range)) {
      const place = parseGroupKey(key);
      if (place === undefined) continue;
      const first = groupKey("g", group, place.firstColumn);
      await this.#db.put(first, sealRecord(first, openRecord(key, record), true), { sync: true });
      this.repaired.push(`labels of group ${group} restored from their second copy`);
    }
  }

  /** Format, log positions, re-rolled windows, metadata, tiers, what was dropped: the checksum is all there is to check. */
  async otherRecords(): Promise<void> {
    for (const kind of ["f", "w", "r", "m", "t", "d"] as const)
      await this.#each(kind, async (key, record) => {
        const name =
          kind === "m" ? JSON.stringify(new TextDecoder().decode(key.subarray(1))) : Buffer.from(key).toString("hex");
        await this.#sound(`record ${kind} ${name}`, key, record, () => {
          const body = openRecord(key, record);
          if (kind === "w") this.#noteLog(new ByteReader(body));
        });
      });
  }

  #noteLog(watermark: ByteReader): void {
    this.lastLog = Math.max(this.lastLog, fileOf(watermark.f64()), fileOf(watermark.f64()));
  }

  async chunkRecords(): Promise<void> {
    await this.#each("c", async (bytes, record) => {
      const key = parseChunkKey(bytes);
      if (key === undefined) return void this.problems.push({ what: "a chunk record", why: "unknown key" });
      this.chunks++;
      const header = await this.#sound(chunkName(key), bytes, record, () => {
        const read = readChunkHeader(key, record);
        if (read.inline !== undefined) decodeAll(read.inline, read);
        return read;
      });
      if (header === undefined)
        return void this.#broken.set(key.group, [...(this.#broken.get(key.group) ?? []), key.start]);
      this.samples += header.samples;
      if (!this.#groups.has(key.group)) {
        this.losses.add(key.group, header.columns, key.start, header.end);
        return this.#useless(chunkName(key), "the labels of its series are lost", bytes, record);
      }
      this.#segments.expect(key, header);
    });
  }

  async segmentRecords(): Promise<void> {
    let current = "";
    let header: ChunkHeader | undefined;
    await this.#each("b", async (bytes, record) => {
      const key = parseChunkKey(bytes);
      if (key === undefined) return void this.problems.push({ what: "a segment record", why: "unknown key" });
      this.segments++;
      const name = chunkName(key);
      if (name !== current) {
        current = name;
        const stored = await this.#db.get(chunkKey(key));
        header = stored === undefined ? undefined : readable(() => readChunkHeader(key, stored));
      }
      const number = new DataView(bytes.buffer, bytes.byteOffset).getUint16(bytes.length - 2);
      const what = `segment ${number} of ${name}`;
      if (header === undefined) return this.#useless(what, "its chunk header is missing or damaged", bytes, record);
      const known = header;
      const sound = await this.#sound(what, bytes, record, () => {
        decodeAll(openRecord(bytes, record), known);
        return true;
      });
      if (sound === true || this.#options.repair !== true) this.#segments.found(key, number);
    });
  }

  /** Once all records were read: what should be there and is not. */
  async missing(dir: string): Promise<void> {
    const { repair, clock } = this.#options;
    for (const { key, missing } of this.#segments.lacking())
      for (const number of missing) this.#lacks(`segment ${number} of ${chunkName(key)}`);
    if (repair === true) await this.#segments.settle(this.#db, this.losses);
    this.groups = await groupsOf(this.#db, dir, clock);
    for (const group of this.groups) {
      const lost = group.lostOrdinals();
      // Damaged ones were named; which of the numbers was theirs they do not tell any more.
      if (lost.length > (this.#broken.get(group.id)?.length ?? 0))
        for (const number of lost) this.#lacks(`chunk number ${number} of group ${group.id}`);
    }
    if (repair === true) await settleChunks(this.#db, this.groups, this.#broken, this.losses, clock.now());
  }

  #lacks(what: string): void {
    if (!this.repaired.includes(`${what} moved aside`)) this.problems.push({ what, why: "its record is missing" });
    if (this.#options.repair === true) this.repaired.push(`${what}: missed no more, its loss is on record`);
  }
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}

function decodeAll(payload: Uint8Array, header: ChunkHeader): void {
  const segment = new Segment(payload, header.rows);
  const out = new Float64Array(header.rows);
  for (let column = 0; column < SEGMENT_COLUMNS; column++) segment.read(column, out);
}

/** Says in the marks what the repair could not bring back. */
function settleMarks(
  dir: string,
  clock: Clock,
  { damaged, logEnds: ends }: KnownMarks,
  check: Check,
  ofLog: SettledLoss | undefined,
): void {
  const losses = [...check.losses.sums(clock.now()), ...(ofLog === undefined ? [] : [ofLog])];
  const files = new Map(listLog(`${dir}/log`).files.map(({ number, bytes }) => [number, bytes]));
  const missed = [...ends].some(([file, bytes]) => (files.get(file) ?? -1) < bytes);
  if (losses.length === 0 && !damaged && !missed) return;
  const marks = new Marks(dir, { now: clock.now(), log: silentLogger, damage: new Damage(clock, silentLogger) });
  if (missed) marks.settleLog(files);
  if (losses.length === 0) marks.renew();
  for (const loss of losses) marks.addLoss(loss);
  if (damaged) check.repaired.push(`${MARKS_FILE} written anew`);
}

/**
 * Checks the stopped store in `dir`.
 *
 * @throws UserError `store-format` for one of a newer opsmon; `no-store` when there is none; `store-locked` while an engine runs on it; `store-unusable`.
 */
export async function verifyStore(dir: string, options: VerifyOptions): Promise<VerifyReport> {
  if (!existsSync(`${dir}/series`)) {
    if (listLog(`${dir}/log`).files.length > 0)
      throw new UserError("store-damaged", `"${dir}" has an append log, but its database "series" is gone`, {
        hint: "an engine takes what the log still holds; restore a backup for the rest",
        exit: EXIT.damaged,
      });
    throw new UserError("no-store", `"${dir}" holds no store`, {
      hint: "name the data directory with --data",
      exit: EXIT.usage,
    });
  }
  refuseNewer(dir);
  const marks = marksOf(dir);
  const { series = `${dir}/series` } = options;
  const opened = await openLevel(series, { name: "series", compression: false });
  const check = new Check(opened.db, options, sizeOf([`${dir}/series`, `${dir}/log`]));
  let log: LogCheck;
  try {
    await readableFormat(opened.db, `${dir}/series`);
    for (const sentence of opened.passedOver)
      check.problems.push({ what: "the journal of the series database", why: sentence });
    check.opened(opened);
    if (marks.damaged) check.problems.push({ what: MARKS_FILE, why: "checksum does not fit" });
    await check.labels();
    await check.chunkRecords();
    await check.segmentRecords();
    await check.otherRecords();
    await check.missing(`${dir}/series`);
    const known = { ends: marks.logEnds, last: check.lastLog };
    log = checkLog(`${dir}/log`, known, (bytes) => check.read(bytes));
    check.problems.push(...log.problems);
    if (options.repair === true) {
      const now = options.clock.now();
      const loss = log.problems.length === 0 ? undefined : lossOf(`${dir}/log`, known, check.groups, now);
      settleMarks(dir, options.clock, marks, check, loss);
    }
  } finally {
    await opened.db.close();
  }
  if (options.repair === true && log.problems.length > 0) check.repaired.push(await settleLog(dir, options.clock, log));
  const { records, chunks, segments, samples, problems, repaired } = check;
  return { records, chunks, segments, samples, logRecords: log.records, problems, repaired };
}
