/**
 * Checks LevelDB's journal files before LevelDB reads them. LevelDB drops damaged journal records without a word, so
 * this is how opsmon learns that records are missing. A torn tail, the write in flight when a process died, is not
 * damage. Records that come twice end the whole process, so they are taken out. Layout: 32 KiB blocks of fragments, each
 * with a masked CRC-32C, a length and a type; a record begins with the number of its first write and how many it holds.
 *
 * @see https://github.com/google/leveldb/blob/main/doc/log_format.md
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const MASK_DELTA = 0xa282ead8;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;
/** Number of the first write, u64, and their count, u32. */
const BATCH_HEADER_BYTES = 12;

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C (Castagnoli) of bytes `from` to `to`. */
export function crc32c(data: Uint8Array, from = 0, to: number = data.length): number {
  let crc = 0xffff_ffff;
  for (let i = from; i < to; i++) crc = (TABLE[(crc ^ (data[i] as number)) & 255] as number) ^ (crc >>> 8);
  return (crc ^ 0xffff_ffff) >>> 0;
}

/** The state of a checksum when `byte` follows; it starts with all bits set, and its complement is the checksum. */
export function crc32cStep(state: number, byte: number): number {
  return (TABLE[(state ^ byte) & 255] as number) ^ (state >>> 8);
}

/** As LevelDB stores a checksum of bytes that hold checksums themselves. */
export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

interface JournalFaults {
  /** Offsets of blocks, or ends of blocks, that LevelDB will drop. */
  readonly dropped: readonly number[];
  /** Offset of the first record whose writes came before. */
  readonly repeats: number | undefined;
}

/** @param visit is told of each sound fragment. */
export function journalFaults(data: Buffer, visit?: (type: number, from: number, to: number) => void): JournalFaults {
  const dropped: number[] = [];
  const writes = new Writes();
  let repeats: number | undefined;
  for (let block = 0; block < data.length; block += BLOCK_BYTES) {
    const end = Math.min(block + BLOCK_BYTES, data.length);
    let at = block;
    while (at + HEADER_BYTES <= end) {
      const length = data.readUInt16LE(at + 4);
      const type = data.readUInt8(at + 6);
      const next = at + HEADER_BYTES + length;
      if (type === 0 && length === 0) break;
      // A fragment that runs past the file's end was being written when the process died.
      if (next > end && end === data.length) break;
      if (next > end || type > LAST || masked(crc32c(data, at + 6, next)) !== data.readUInt32LE(at)) {
        dropped.push(at);
        break;
      }
      if (type <= FIRST && length >= BATCH_HEADER_BYTES && !writes.follow(data, at + HEADER_BYTES)) repeats ??= at;
      visit?.(type, at + HEADER_BYTES, next);
      at = next;
    }
  }
  return { dropped, repeats };
}

/** Numbers of writes, which only ever rise. */
class Writes {
  #last = 0;

  /** @returns false when the record at `at` has a number that was there before. */
  follow(data: Buffer, at: number): boolean {
    const number = data.readUInt32LE(at + 4) * 0x1_0000_0000 + data.readUInt32LE(at);
    if (number <= this.#last) return false;
    this.#last = number + data.readUInt32LE(at + 8) - 1;
    return true;
  }
}

/** The same journal without records that came before, and without what LevelDB would drop. */
function withoutRepeats(data: Buffer): Buffer {
  const writes = new Writes();
  const journal = new JournalText();
  let parts: Buffer[] | undefined;
  journalFaults(data, (type, from, to) => {
    if (type === FULL || type === FIRST) parts = [];
    parts?.push(data.subarray(from, to));
    if (parts === undefined || (type !== FULL && type !== LAST)) return;
    const record = Buffer.concat(parts);
    parts = undefined;
    if (record.length >= BATCH_HEADER_BYTES && writes.follow(record, 0)) journal.add(record);
  });
  return Buffer.concat(journal.pieces);
}

class JournalText {
  readonly pieces: Buffer[] = [];
  #bytes = 0;

  add(record: Buffer): void {
    let at = 0;
    do {
      let room = BLOCK_BYTES - (this.#bytes % BLOCK_BYTES);
      if (room < HEADER_BYTES) {
        this.#put(Buffer.alloc(room));
        room = BLOCK_BYTES;
      }
      const to = Math.min(record.length, at + room - HEADER_BYTES);
      const isLast = to === record.length;
      this.#fragment(at === 0 ? (isLast ? FULL : FIRST) : isLast ? LAST : MIDDLE, record.subarray(at, to));
      at = to;
    } while (at < record.length);
  }

  #fragment(type: number, payload: Buffer): void {
    const fragment = Buffer.concat([Buffer.alloc(HEADER_BYTES), payload]);
    fragment.writeUInt16LE(payload.length, 4);
    fragment.writeUInt8(type, 6);
    fragment.writeUInt32LE(masked(crc32c(fragment, 6)), 0);
    this.#put(fragment);
  }

  #put(bytes: Buffer): void {
    this.pieces.push(bytes);
    this.#bytes += bytes.length;
  }
}

/**
 * Makes the journals of a database that nobody has open safe to read.
 *
 * @param asideName makes a name for the directory that keeps a journal as it was.
 * @returns one sentence for each place that LevelDB would pass over, or die of.
 */
export function readyJournals(dir: string, asideName: (dir: string) => string): string[] {
  if (!existsSync(dir)) return [];
  const sentences: string[] = [];
  for (const name of readdirSync(dir)) {
    if (!/^\d+\.log$/.test(name)) continue;
    const data = readFileSync(`${dir}/${name}`);
    const { dropped, repeats } = journalFaults(data);
    for (const at of dropped) sentences.push(`records of "${dir}/${name}" from byte ${at} on fail their checksum`);
    if (repeats === undefined) continue;
    sentences.push(`records of "${dir}/${name}" from byte ${repeats} on are there twice`);
    const aside = asideName(dir);
    mkdirSync(aside);
    linkSync(`${dir}/${name}`, `${aside}/${name}`);
    replace(`${dir}/${name}`, withoutRepeats(data));
  }
  return sentences;
}

/** Under another name first: the journal as it was is kept, and a kill leaves one of the two. */
function replace(path: string, data: Buffer): void {
  const fresh = `${path}.mended`;
  const file = openSync(fresh, "w", 0o600);
  try {
    writeFileSync(file, data);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
}
