/**
 * Whether a block that fails its checksum can be read all the same: a flipped bit in a value harms nobody but its record,
 * which has a checksum of its own. In: a block as it lies in the table. Out: yes, when LevelDB finds its way through it.
 */
import { type DataFault, Varints } from "./table-format.ts";

/** Behind each key: its sequence number, and in the lowest byte whether it is a value (1) or gone (0). */
const TAG_BYTES = 8;
const KIND_MAX = 1;

/** LevelDB's order: by key, of the same key the newer record first. */
function compareKeys(a: Buffer, b: Buffer): number {
  const [userA, userB] = [a, b].map((key) => key.subarray(0, key.length - TAG_BYTES)) as [Buffer, Buffer];
  const order = Buffer.compare(userA, userB);
  if (order !== 0) return order;
  const [tagA, tagB] = [a, b].map((key) => key.readBigUInt64LE(key.length - TAG_BYTES)) as [bigint, bigint];
  return tagA > tagB ? -1 : tagA < tagB ? 1 : 0;
}

function isKey(key: Buffer): boolean {
  return key.length >= TAG_BYTES && (key[key.length - TAG_BYTES] as number) <= KIND_MAX;
}

/** Where entries begin that are written whole; undefined when that makes no sense. */
function restartsOf(block: Buffer): readonly number[] | undefined {
  const count = block.readUInt32LE(block.length - 4);
  if (count === 0 || 4 * count + 4 > block.length) return undefined;
  const from = block.length - 4 - 4 * count;
  return Array.from({ length: count }, (_, i) => block.readUInt32LE(from + 4 * i));
}

/** Whether all its entries can be read as if it were sound and not compressed, and stand in their order. */
export function readsOn(data: Buffer, { offset, size, after, upTo }: DataFault): boolean {
  const block = data.subarray(offset, offset + size);
  const restarts = restartsOf(block);
  if (restarts === undefined) return false;
  const end = block.length - 4 - 4 * restarts.length;
  const reader = new Varints(block, 0);
  let before = after;
  let key: Buffer = Buffer.alloc(0);
  let restart = 0;
  try {
    while (reader.at < end) {
      const isRestart = restarts[restart] === reader.at;
      const shared = reader.next();
      const keyBytes = reader.next();
      const valueBytes = reader.next();
      const valueAt = reader.at + keyBytes;
      if (isRestart) restart++;
      if ((isRestart && shared !== 0) || shared > key.length || valueAt + valueBytes > end) return false;
      key = Buffer.concat([key.subarray(0, shared), block.subarray(reader.at, valueAt)]);
      if (!isKey(key) || (before !== undefined && compareKeys(before, key) >= 0)) return false;
      before = key;
      reader.at = valueAt + valueBytes;
    }
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
  return restart === restarts.length && key.length > 0 && compareKeys(key, upTo) <= 0;
}
