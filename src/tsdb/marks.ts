/**
 * What the store must still know about itself after a restart and can say on a full disk: stretches in which nothing
 * was written, what retention dropped and why, and which directories stood beside it. One small file, made in its full
 * size at the first start and written in place from then on, so it asks for no free space when there is none. Two
 * halves are written in turn; the newer sound one counts.
 */
import { closeSync, existsSync, fdatasyncSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { EXIT, errorText, UserError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Timestamp } from "../model/sample.ts";
import type { Damage } from "./damage.ts";
import { SERIES_FORMAT } from "./keys.ts";
import { type Content, contentIn, type LogEnd, NOTHING } from "./marks-content.ts";
import { type DroppedShare, type SettledLoss, TIME_UNKNOWN, type WriteGap } from "./options.ts";

export type { LogEnd } from "./marks-content.ts";

export const MARKS_FILE = "marks";
/** Half of the file: a page of the disk, and some twenty gaps. */
const HALF_BYTES = 4 * 1024;
const VERSION = 1;
const GAPS_MAX = 20;
const REASON_LENGTH_MAX = 160;
/** Newest gaps in the warnings of one answer. */
const WARNINGS_MAX = 3;
const COMPANIONS_MAX = 8;
/** A hundred bytes each. */
const LOSSES_MAX = 5;
/** Newest log files whose ends are known: 15 bytes each. */
const LOG_ENDS_MAX = 64;

/** What is asked of a content, or of what an engine tells of its own. */
interface LostSamples {
  readonly gaps: readonly WriteGap[];
  readonly losses: readonly Pick<SettledLoss, "from" | "to" | "series" | "log">[];
}

interface Half {
  readonly serial: number;
  readonly content: Content;
}

const HEADER = /^opsmon marks (\d+) (\d{1,15}) (\d{1,5}) ([0-9a-f]{8})\n/;

function checksum(serial: number, text: Buffer): string {
  return crc32(text, crc32(String(serial)))
    .toString(16)
    .padStart(8, "0");
}

/** @returns undefined for one that was never written, "damaged" for one that fails its check. */
function readHalf(bytes: Buffer, path: string): Half | "damaged" | undefined {
  const header = HEADER.exec(bytes.toString("latin1", 0, 80));
  if (header === null) return bytes.every((byte) => byte === 0x0a) ? undefined : "damaged";
  const [all, version, serial, length, crc] = header as unknown as [string, string, string, string, string];
  const text = bytes.subarray(all.length, all.length + Number(length));
  if (checksum(Number(serial), text) !== crc) return "damaged";
  if (Number(version) > VERSION) throw newerError(path, "format", Number(version), VERSION);
  const content = contentIn(text.toString("utf8"));
  return content === undefined ? "damaged" : { serial: Number(serial), content };
}

function encode({ serial, content }: Half): Buffer {
  const half = Buffer.alloc(HALF_BYTES, "\n");
  for (let skip = 0; ; skip++) {
    // Gaps make room for the rest; without any left the rest is what somebody else wrote.
    const rest = skip > content.gaps.length ? { ...NOTHING, series: content.series } : content;
    const text = Buffer.from(JSON.stringify({ ...rest, gaps: rest.gaps.slice(skip) }));
    const header = `opsmon marks ${VERSION} ${serial} ${text.length} ${checksum(serial, text)}\n`;
    if (header.length + text.length > HALF_BYTES) continue;
    half.write(header, "latin1");
    text.copy(half, header.length);
    return half;
  }
}

/** @param path of the series database. @throws UserError `store-format` for a format of a newer opsmon. */
export function refuseNewerSeries(path: string, version: number): void {
  if (version > SERIES_FORMAT) throw newerError(path, "series format", version, SERIES_FORMAT);
}

function newerError(path: string, what: string, version: number, known: number): UserError {
  return new UserError("store-format", `"${path}" has ${what} ${version}, this opsmon reads up to ${known}`, {
    hint: "a newer opsmon wrote this data: run that version, or restore a backup made with this one",
    exit: EXIT.damaged,
  });
}

function span({ from, to }: { readonly from: Timestamp; readonly to: Timestamp }): string {
  const until = new Date(to).toISOString();
  return from === TIME_UNKNOWN
    ? `at an unknown time before ${until}`
    : `from ${new Date(from).toISOString()} to ${until}`;
}

/** A sentence for each stretch between `start` and `end` in which samples are missing that were once in memory. */
export function missingIn({ gaps, losses }: LostSamples, start: Timestamp, end: Timestamp): readonly string[] {
  const overlaps = ({ from, to }: { readonly from: Timestamp; readonly to: Timestamp }): boolean =>
    from <= end && to >= start;
  const lost = gaps.filter((gap) => gap.lost && overlaps(gap)).slice(-WARNINGS_MAX);
  return [
    ...lost.map((gap) => `samples ${span(gap)} could not be stored: ${gap.reason}`),
    ...losses.filter(overlaps).map((loss) => {
      const why = loss.log === true ? "the append log was damaged" : "their blocks were damaged";
      return `up to ${loss.series} series lack samples ${span(loss)}: ${why}`;
    }),
  ];
}

/** What the file says. @throws UserError `store-format` for one of a newer opsmon. */
function readMarks(path: string): { readonly newest: Half; readonly damaged: boolean } {
  const newest: Half = { serial: 0, content: NOTHING };
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return { newest, damaged: found !== undefined };
  const bytes = Buffer.alloc(2 * HALF_BYTES, "\n");
  const fd = openSync(path, "r");
  try {
    readSync(fd, bytes, 0, bytes.length, 0);
  } finally {
    closeSync(fd);
  }
  const halves = [0, HALF_BYTES].map((from) => readHalf(bytes.subarray(from, from + HALF_BYTES), path));
  const sound = halves.filter((half): half is Half => typeof half === "object");
  // One half may be the write that a power cut interrupted.
  const damaged = sound.length === 0 && halves.includes("damaged");
  return { newest: sound.reduce((a, b) => (a.serial > b.serial ? a : b), newest), damaged };
}

export interface KnownMarks {
  readonly companions: readonly string[];
  readonly damaged: boolean;
  /** Bytes of closed log files by number. */
  readonly logEnds: ReadonlyMap<number, number>;
}

/** What a check of a stopped directory wants to know. @throws UserError `store-format`. */
export function marksOf(dir: string): KnownMarks {
  const { newest, damaged } = readMarks(`${dir}/${MARKS_FILE}`);
  refuseNewerSeries(`${dir}/series`, newest.content.series ?? 0);
  const { companions, log } = newest.content;
  return { companions, damaged, logEnds: new Map(log) };
}

export class Marks {
  readonly #path: string;
  readonly #log: Logger;
  #serial: number;
  #content: Content;
  /** False when the file could not be made: then the next write tries again. */
  #made = false;

  /** @throws UserError `store-format`. */
  constructor(dir: string, { now, log, damage }: { now: Timestamp; log: Logger; damage: Damage }) {
    this.#path = `${dir}/${MARKS_FILE}`;
    this.#log = log;
    const { newest, damaged } = readMarks(this.#path);
    if (damaged) damage.add(MARKS_FILE, "checksum does not fit; gaps and drops of earlier runs are not known");
    this.#serial = newest.serial;
    const { open, series } = newest.content;
    this.#content = { ...newest.content, series: SERIES_FORMAT };
    if (open === undefined) {
      const short = (statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0) < 2 * HALF_BYTES;
      if (short || series !== SERIES_FORMAT) this.#save();
      return;
    }
    this.#content = { ...this.#content, open: undefined };
    this.addGap({ ...open, to: now, reason: `${open.reason}; the engine ended meanwhile`, lost: true });
  }

  get gaps(): readonly WriteGap[] {
    return this.#content.gaps;
  }

  get dropped(): readonly DroppedShare[] {
    return this.#content.dropped;
  }

  /** From here on nothing is written; said on the disk at once, as the process may end before it gets better. */
  begin(from: Timestamp, reason: string): void {
    this.#change({ open: { from, reason: reason.slice(0, REASON_LENGTH_MAX) } }, true);
  }

  /** Everything is written again, what was held in memory included. */
  end(to: Timestamp): void {
    const { open } = this.#content;
    if (open !== undefined) this.addGap({ ...open, to, lost: false });
  }

  addGap(gap: WriteGap): void {
    const gaps = [...this.#content.gaps, { ...gap, reason: gap.reason.slice(0, REASON_LENGTH_MAX) }];
    this.#change({ gaps: gaps.slice(-GAPS_MAX), ...(gap.lost ? {} : { open: undefined }) }, true);
  }

  /** Adds to what was dropped for that reason. */
  addDropped(share: DroppedShare): void {
    const before = this.#content.dropped.find(({ reason }) => reason === share.reason);
    const others = this.#content.dropped.filter((one) => one !== before);
    const sum: DroppedShare = {
      reason: share.reason,
      chunks: share.chunks + (before?.chunks ?? 0),
      samples: share.samples + (before?.samples ?? 0),
      bytes: share.bytes + (before?.bytes ?? 0),
      inNoTier: share.inNoTier + (before?.inNoTier ?? 0),
      until: Math.max(share.until, before?.until ?? share.until),
      at: share.at,
    };
    this.#change({ dropped: [...others, sum] });
  }

  get losses(): readonly SettledLoss[] {
    return this.#content.losses;
  }

  /** What a repair had to give up. */
  addLoss(loss: SettledLoss): void {
    this.#change({ losses: [...this.#content.losses, loss].slice(-LOSSES_MAX) }, true);
  }

  /** Writes a damaged file anew. */
  renew(): void {
    this.#change({}, true);
  }

  get logEnds(): ReadonlyMap<number, number> {
    return new Map(this.#content.log);
  }

  /** Remembers where closed log files end; what is known of one stays, those not named are gone. */
  noteLog(files: readonly LogEnd[]): void {
    const known = this.logEnds;
    this.#setLog(files.map(([file, bytes]) => [file, known.get(file) ?? bytes]));
  }

  /** Log files before that one go now; said first, and for sure, as one that is missing is a loss. */
  dropLog(before: number): void {
    this.#setLog(
      [...this.logEnds].filter(([file]) => file >= before),
      true,
    );
  }

  /** The log is as it is: no start misses anything of it any more. @param bytes by file. */
  settleLog(bytes: ReadonlyMap<number, number>): void {
    this.#setLog([...this.logEnds.keys()].flatMap((file) => (bytes.has(file) ? [[file, bytes.get(file) ?? 0]] : [])));
  }

  #setLog(files: readonly LogEnd[], synced = false): void {
    this.#change({ log: files.slice(-LOG_ENDS_MAX) }, synced);
  }

  /** Remembers a directory beside the store. @returns whether it was known before. */
  accompanied(name: string): boolean {
    const { companions } = this.#content;
    if (companions.includes(name)) return true;
    this.#change({ companions: [...companions, name].slice(-COMPANIONS_MAX) });
    return false;
  }

  knows(companion: string): boolean {
    return this.#content.companions.includes(companion);
  }

  /** Sentences for an answer over that range: samples are missing there that were once in memory. */
  warnings(start: Timestamp, end: Timestamp): readonly string[] {
    return missingIn(this, start, end);
  }

  #change(part: Partial<Content>, synced = false): void {
    this.#content = { ...this.#content, ...part };
    this.#save(synced);
  }

  /**
   * In place; a file that does not exist yet is made in its full size.
   *
   * @param synced also against a power cut: it holds everybody up for a moment, so only what happens on a bad day.
   */
  #save(synced = false): void {
    this.#serial++;
    const half = encode({ serial: this.#serial, content: this.#content });
    try {
      const fd = openSync(this.#path, existsSync(this.#path) ? "r+" : "wx+", 0o600);
      try {
        if (!this.#made) this.#fill(fd);
        writeSync(fd, half, 0, half.length, (this.#serial % 2) * HALF_BYTES);
        if (synced) fdatasyncSync(fd);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      this.#log.warn("gaps and drops cannot be noted on the disk", { error: errorText(error) });
    }
  }

  /** A file cut short gets its missing bytes back. */
  #fill(fd: number): void {
    const there = Buffer.alloc(2 * HALF_BYTES);
    const length = readSync(fd, there, 0, there.length, 0);
    if (length < there.length)
      writeSync(fd, Buffer.alloc(there.length - length, "\n"), 0, there.length - length, length);
    this.#made = true;
  }
}
