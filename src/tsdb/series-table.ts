/**
 * Finds series by their pairs: an open hash table of series numbers, whose pairs lie in the index's slab. Series are
 * entered when somebody looks for one: a start that brings in ten thousand looks for none.
 */
import type { PairSlab } from "./postings.ts";

/** A power of two; at most three quarters are taken. */
const CELLS_FIRST = 1_024;

function hash(pairs: Uint32Array, from: number, to: number): number {
  let sum = 0x811c9dc5;
  for (let i = from; i < to; i++) sum = Math.imul(sum ^ (pairs[i] as number), 0x01000193) ^ (sum >>> 15);
  return sum >>> 0;
}

export class SeriesTable {
  /** 0 = free. */
  #cells: Uint32Array<ArrayBuffer> = new Uint32Array(CELLS_FIRST);
  /** Series up to here are entered. */
  #entered = 0;

  /** Enters what has come since. No two series have the same pairs. */
  enter({ count, slab, starts }: PairSlab): void {
    let { length } = this.#cells;
    while (count * 4 > length * 3) length *= 2;
    if (length !== this.#cells.length) {
      this.#cells = new Uint32Array(length);
      this.#entered = 0;
    }
    const cells = this.#cells;
    for (let ref = this.#entered + 1; ref <= count; ref++) {
      let at = hash(slab, starts[ref] as number, starts[ref + 1] as number) & (length - 1);
      while (cells[at] !== 0) at = (at + 1) & (length - 1);
      cells[at] = ref;
    }
    this.#entered = count;
  }

  /** @returns the series that has the first `length` of `pairs`; 0 when there is none. */
  find(pairs: Uint32Array, length: number, all: PairSlab): number {
    if (this.#entered < all.count) this.enter(all);
    const { slab, starts } = all;
    const cells = this.#cells;
    for (let at = hash(pairs, 0, length) & (cells.length - 1); ; at = (at + 1) & (cells.length - 1)) {
      const ref = cells[at] as number;
      if (ref === 0) return 0;
      const start = starts[ref] as number;
      if ((starts[ref + 1] as number) - start !== length) continue;
      let i = 0;
      while (i < length && slab[start + i] === pairs[i]) i++;
      if (i === length) return ref;
    }
  }
}
