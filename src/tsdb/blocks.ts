/** What an open chunk consists of: times, and the kinds of blocks and what a view reads them by. */
import { NewestRows } from "./newest-rows.ts";
import { PackedBlock, PackedReader } from "./packed.ts";

export type Block = Float64Array | PackedBlock | NewestRows;

/** What one chunk of a group leaves to the next. */
export type SpareBlock = NewestRows;

/** Readers in the places of the packed blocks. */
export function readersOf(blocks: readonly Block[], stride: number): (Float64Array | PackedReader)[] {
  return blocks.map((block) => {
    if (block instanceof NewestRows) return block.plain(stride);
    return block instanceof PackedBlock ? new PackedReader(block) : block;
  });
}

/** A matrix that has more rows than it was made for mostly gets many more. */
const TIMES_MIN = 64;

/** The times with room for one more than `rows`. */
export function timesFor(t: Float64Array, rows: number): Float64Array {
  if (rows < t.length) return t;
  const longer = new Float64Array(Math.max(TIMES_MIN, rows * 2));
  longer.set(t);
  return longer;
}
