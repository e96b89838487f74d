/**
 * Checks LevelDB's journal files before LevelDB reads them. LevelDB drops damaged journal records without a word, so
 * this is how opsmon learns that records are missing. A torn tail, the write in flight when a process died, is not
 * damage. Layout: 32 KiB blocks of fragments, each with a masked CRC-32C, a length and a type.
 *
 * @see https://github.com/google/leveldb/blob/main/doc/log_format.md
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const MASK_DELTA = 0xa282ead8;
const TYPE_MAX = 4;

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

/** @returns offsets of blocks that LevelDB will drop. */
export function damagedBlocks(data: Buffer): number[] {
  const found: number[] = [];
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
      if (next > end || type > TYPE_MAX || masked(crc32c(data, at + 6, next)) !== data.readUInt32LE(at)) {
        found.push(at);
        break;
      }
      at = next;
    }
  }
  return found;
}

/** One sentence for each place in the journals of `dir` that LevelDB will pass over. */
export function journalDamage(dir: string): string[] {
  if (!existsSync(dir)) return [];
  const sentences: string[] = [];
  for (const name of readdirSync(dir)) {
    if (!/^\d+\.log$/.test(name)) continue;
    const data = readFileSync(`${dir}/${name}`);
    for (const at of damagedBlocks(data))
      sentences.push(`records of "${dir}/${name}" from byte ${at} on fail their checksum`);
  }
  return sentences;
}
