/**
 * An index for a table that lost its own. Blocks stand one behind the other, each with its checksum behind it, so they can
 * be found without an index: where a checksum fits the bytes since the last block, a block ends. The new index takes the
 * place of the old one and of the filter, which only saves time; the table keeps its size, by which LevelDB knows it.
 */
import { crc32cStep, masked } from "../base/leveldb-journal.ts";
import {
  closeBlock,
  dropFilter,
  EMPTY_BYTES,
  entriesIn,
  entryAt,
  FOOTER_BYTES,
  type Handle,
  indexHandle,
  TRAILER_BYTES,
  varint,
} from "./table-format.ts";

/** The sequence number and kind that LevelDB keeps behind each key. */
const TAG_BYTES = 8;
/** Entries until a key is written whole again. */
const RESTART_EVERY = 16;
/** What the block holds that tells where the filter lies. */
const FILTER_KEY = Buffer.from("filter.leveldb.BuiltinBloomFilter2");

/** The block at `offset`, found by the checksum behind it. */
function blockAt(data: Buffer, offset: number, end: number): Handle | undefined {
  let state = 0xffff_ffff;
  for (let at = offset; at + TRAILER_BYTES <= end; at++) {
    state = crc32cStep(state, data[at] as number);
    const size = at - offset;
    if (size >= EMPTY_BYTES && masked(~state >>> 0) === data.readUInt32LE(at + 1)) return { offset, size };
  }
  return undefined;
}

/**
 * Sound blocks in the first `end` bytes. Where one does not follow the other, what the old index still tells leads on.
 *
 * @param hints where blocks may begin, rising.
 */
function blocksIn(data: Buffer, end: number, hints: readonly number[]): Handle[] {
  const found: Handle[] = [];
  let next: number | undefined = 0;
  while (next !== undefined) {
    const from: number = next;
    const block = blockAt(data, from, end);
    if (block === undefined) next = hints.find((hint) => hint > from);
    else {
      found.push(block);
      next = block.offset + block.size + TRAILER_BYTES;
    }
  }
  return found;
}

/** Where blocks begin as far as a damaged index tells: each of its entries can be read by itself. */
function hintsIn(data: Buffer): number[] {
  const hints = new Set<number>();
  try {
    const index = indexHandle(data);
    const end = index.offset + index.size;
    const restarts = data.readUInt32LE(end - 4);
    for (let i = 0; i < restarts && 4 * i < index.size; i++) {
      const at = index.offset + data.readUInt32LE(end - 4 - 4 * (restarts - i));
      const hint = firstHandle(data, at);
      if (hint !== undefined && hint.offset < index.offset) hints.add(hint.offset);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return [...hints].sort((a, b) => a - b);
}

/** What the entry at `at` points to. */
function firstHandle(data: Buffer, at: number): Handle | undefined {
  try {
    return entryAt(data, at);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

interface DataBlock {
  readonly handle: Handle;
  readonly last: Buffer;
}

/** Blocks of records: their keys rise, from block to block too. Filter, its place and an old index do not look like that. */
function dataBlocks(data: Buffer, blocks: readonly Handle[]): DataBlock[] {
  const found: DataBlock[] = [];
  let before: Buffer = Buffer.alloc(0);
  for (const handle of blocks) {
    try {
      const keys = entriesIn(data, handle).map(({ key }) => key);
      if (keys[0]?.equals(FILTER_KEY) === true) return found;
      for (const key of keys) {
        const user = key.subarray(0, key.length - TAG_BYTES);
        if (key.length < TAG_BYTES || Buffer.compare(user, before) < 0) return found;
        before = user;
      }
      const last = keys.at(-1);
      if (last !== undefined) found.push({ handle, last });
    } catch {
      return found;
    }
  }
  return found;
}

function indexOf(blocks: readonly DataBlock[]): Buffer {
  const parts: Buffer[] = [];
  const restarts: number[] = [];
  let length = 0;
  let before: Buffer = Buffer.alloc(0);
  blocks.forEach(({ handle: { offset, size }, last }, i) => {
    let shared = 0;
    if (i % RESTART_EVERY === 0) restarts.push(length);
    else while (shared < last.length && last[shared] === before[shared]) shared++;
    const value = Buffer.concat([varint(offset), varint(size)]);
    const entry = [varint(shared), varint(last.length - shared), varint(value.length), last.subarray(shared), value];
    parts.push(...entry);
    length += entry.reduce((sum, part) => sum + part.length, 0);
    before = last;
  });
  const tail = Buffer.alloc(4 * restarts.length + 4);
  restarts.forEach((at, i) => void tail.writeUInt32LE(at, 4 * i));
  tail.writeUInt32LE(restarts.length, 4 * restarts.length);
  return Buffer.concat([...parts, tail]);
}

/** Changes a table whose index cannot be trusted into one that can be read. @returns what is in its new index, and what between is not. */
export function renewIndex(data: Buffer): { readonly blocks: number; readonly lostBytes: number } {
  const end = data.length - FOOTER_BYTES;
  let blocks = dataBlocks(data, blocksIn(data, end, hintsIn(data)));
  let from = 0;
  let index: Buffer;
  for (;;) {
    const last = blocks.at(-1)?.handle;
    from = last === undefined ? 0 : last.offset + last.size + TRAILER_BYTES;
    index = indexOf(blocks);
    if (from + EMPTY_BYTES + index.length + 2 * TRAILER_BYTES <= end || blocks.length === 0) break;
    // No room behind: the last blocks make some.
    blocks = blocks.slice(0, -1);
  }
  const place = { offset: from + EMPTY_BYTES + TRAILER_BYTES, size: index.length };
  data.fill(0, from, end);
  index.copy(data, place.offset);
  closeBlock(data, place);
  dropFilter(data, { offset: from, index: place });
  const kept = blocks.reduce((sum, { handle }) => sum + handle.size + TRAILER_BYTES, 0);
  return { blocks: blocks.length, lostBytes: from - kept };
}

/** An index is no larger than this share of its table, and this. */
const INDEX_SHARE = 8;
const INDEX_BYTES = 4_096;

/** A table of what is left of one that was cut: the blocks at its beginning. @returns undefined when there are none. */
export function salvage(cut: Buffer): Buffer | undefined {
  const room = INDEX_BYTES + Math.ceil(cut.length / INDEX_SHARE) + FOOTER_BYTES;
  const table = Buffer.concat([cut, Buffer.alloc(room)]);
  return renewIndex(table).blocks === 0 ? undefined : table;
}
