/**
 * Checks LevelDB's tables block by block. LevelDB does not look at their checksums while it reads, so a flipped bit in a
 * key or a length makes records disappear without a word; records of samples are numbered and would be missed, those of
 * the state are not.
 *
 * @see https://github.com/google/leveldb/blob/main/doc/table_format.md
 */
import { readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { StatusItem } from "../api/source.ts";
import { crc32c, masked } from "../base/leveldb-journal.ts";
import { systemCode, systemReason } from "../base/system-error.ts";
import { nextTurn, overdue } from "../base/turns.ts";
import { snappyDecode } from "../remote/snappy.ts";

const TABLE = /^\d+\.(?:ldb|sst)$/;
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** Behind each block: how it is compressed, and its checksum. */
const TRAILER_BYTES = 5;
const SNAPPY = 1;
/** LevelDB's blocks have 4 KiB; an index of a table some dozens. */
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;
/** Places named. */
const DAMAGED_MAX = 100;

export interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Names of the tables that were written before. What is being written now has no end yet. */
export function tablesIn(dir: string, before: number = Number.POSITIVE_INFINITY): readonly string[] {
  try {
    const tables = readdirSync(dir).filter((name) => TABLE.test(name));
    return tables.filter((name) => statSync(`${dir}/${name}`).mtimeMs < before);
  } catch {
    return [];
  }
}

class Varints {
  readonly #data: Buffer;
  at: number;

  constructor(data: Buffer, at: number) {
    this.#data = data;
    this.at = at;
  }

  next(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#data[this.at++];
      if (byte === undefined || scale > 2 ** 53) throw new RangeError("a number runs over its end");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  handle(): Handle {
    return { offset: this.next(), size: this.next() };
  }
}

/** Whether a block has room for what every block has, and ends before the footer. */
function fits(data: Buffer, { offset, size }: Handle): boolean {
  return size >= 4 && offset + size + TRAILER_BYTES <= data.length - FOOTER_BYTES;
}

function isSound(data: Buffer, { offset, size }: Handle): boolean {
  const end = offset + size;
  if (!fits(data, { offset, size })) return false;
  return masked(crc32c(data, offset, end + 1)) === data.readUInt32LE(end + 1);
}

/** Where the blocks lie that an index block tells of. @throws RangeError, UserError for one that makes no sense. */
function handlesIn(data: Buffer, { offset, size }: Handle): Handle[] {
  const stored = data.subarray(offset, offset + size);
  const block = data[offset + size] === SNAPPY ? snappyDecode(stored, BLOCK_BYTES_MAX) : stored;
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 - 4 * restarts;
  const found: Handle[] = [];
  const reader = new Varints(block, 0);
  while (reader.at < end) {
    reader.next();
    const keyBytes = reader.next();
    const valueBytes = reader.next();
    reader.at += keyBytes;
    found.push(reader.handle());
    if (valueBytes === 0) break;
  }
  return found;
}

export interface TableFaults {
  /** Blocks that fail their checksum. */
  readonly blocks: readonly Handle[];
  /** Set when the table as a whole cannot be read. */
  readonly whole?: string;
}

/** What is wrong with a table. */
export async function faultsOf(data: Buffer): Promise<TableFaults> {
  if (data.length < FOOTER_BYTES) return { blocks: [], whole: `it has ${data.length} bytes only` };
  const footer = data.length - FOOTER_BYTES;
  if (data.readBigUInt64LE(data.length - 8) !== MAGIC) return { blocks: [], whole: "its last bytes are not a table's" };
  let blocks: readonly Handle[];
  try {
    const reader = new Varints(data, footer);
    const meta = reader.handle();
    const index = reader.handle();
    if (!isSound(data, index)) return { blocks: [], whole: "its index fails its checksum" };
    blocks = [meta, ...handlesIn(data, index)];
    if (!blocks.every((block) => fits(data, block))) throw new RangeError("a block runs over the end");
  } catch {
    return { blocks: [], whole: "its index makes no sense" };
  }
  const found: Handle[] = [];
  for (const block of blocks) {
    if (overdue()) await nextTurn();
    if (!isSound(data, block)) found.push(block);
  }
  return { blocks: found };
}

/** One sentence for each damaged place of a table. */
async function damageIn(data: Buffer): Promise<string[]> {
  const { blocks, whole } = await faultsOf(data);
  if (whole !== undefined) return [whole];
  return blocks.map(brokenBlock);
}

export function brokenBlock({ offset }: Handle): string {
  return `records from byte ${offset} on fail their checksum`;
}

/** Puts an empty block of the same size in the place of another: LevelDB finds no record in it and reads on. */
export function emptyBlock(data: Buffer, { offset, size }: Handle): void {
  const end = offset + size;
  // No restart points, written by the last four bytes of a block, and not compressed: LevelDB looks no further.
  data.fill(0, offset, end + 1);
  data.writeUInt32LE(masked(crc32c(data, offset, end + 1)), end + 1);
}

export interface TableDamage {
  readonly what: string;
  readonly why: string;
}

/** Looks through tables of `dir`, in turns; what is gone meanwhile was compacted. @param name of the database. */
export async function damagedTables(dir: string, name: string, tables: readonly string[]): Promise<TableDamage[]> {
  const found: TableDamage[] = [];
  for (const table of tables) {
    let data: Buffer;
    try {
      data = await readFile(`${dir}/${table}`);
    } catch (error) {
      if (systemCode(error) === "ENOENT") continue;
      throw error;
    }
    for (const why of await damageIn(data))
      if (found.length < DAMAGED_MAX) found.push({ what: `${name}/${table}`, why });
  }
  return found;
}

export interface TableWatch {
  /** Once the database is open: what an earlier run left half-written is gone then. Never rejects. */
  check(): Promise<void>;
  items(): readonly StatusItem[];
}

/**
 * Looks through what earlier runs wrote.
 *
 * @param begun unix ms, when this run began.
 */
export function watchTables(dir: string, name: string, begun: number = Date.now() - performance.now()): TableWatch {
  let found: readonly TableDamage[] = [];
  return {
    async check() {
      try {
        found = await damagedTables(dir, name, tablesIn(dir, begun));
      } catch (error) {
        found = [{ what: `${name}/`, why: `cannot be read: ${systemReason(error)}` }];
      }
    },
    items: () =>
      found.map(({ what, why }) => ({ name, state: "crit", text: `${what}: ${why}; opsmon fsck tells more` })),
  };
}
