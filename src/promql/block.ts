/**
 * Values of one node for all steps at once. A vector is label sets plus one flat column of `series × steps` numbers,
 * row by row, and a byte a cell that says whether there is a value: NaN is a legal value, so absence needs its own.
 */
import type { Labels } from "../model/labels.ts";

/** The times a node is evaluated at: `startMs + i * stepMs` for i < steps. */
export interface Grid {
  readonly startMs: number;
  /** At least 1, also when there is one step. */
  readonly stepMs: number;
  readonly steps: number;
}

/** The times a whole query is evaluated at. */
export interface QueryGrid extends Grid {
  /** As asked for: the last step may lie before it. */
  readonly endMs: number;
}

export interface VectorBlock {
  readonly kind: "vector";
  readonly steps: number;
  readonly labels: readonly Labels[];
  /** Rows whose metric name goes away at the end (delayed name removal); undefined when none does. */
  readonly dropName: Uint8Array | undefined;
  readonly values: Float64Array;
  readonly present: Uint8Array;
  /** The order of the rows is an answer in itself (sort, topk), not to be sorted by labels. */
  readonly ordered?: boolean;
}
export interface ScalarBlock {
  readonly kind: "scalar";
  readonly values: Float64Array;
}
interface StringBlock {
  readonly kind: "string";
  readonly value: string;
}
export type Block = VectorBlock | ScalarBlock | StringBlock;

export function emptyVector(steps: number): VectorBlock {
  return {
    kind: "vector",
    steps,
    labels: [],
    dropName: undefined,
    values: new Float64Array(0),
    present: new Uint8Array(0),
  };
}

/** Cells a block holds; what the sample limit counts. */
export function cellsOf(block: Block): number {
  return block.kind === "string" ? 1 : block.values.length;
}

/** Cells that hold a value. */
export function countPresent(block: Block): number {
  if (block.kind !== "vector") return cellsOf(block);
  let count = 0;
  for (const byte of block.present) count += byte;
  return count;
}

/** Repeats a block of one step over `steps` steps. */
export function broadcast(block: Block, steps: number): Block {
  if (block.kind === "string") return block;
  if (block.kind === "scalar")
    return { kind: "scalar", values: new Float64Array(steps).fill(block.values[0] as number) };
  const rows = block.labels.length;
  const values = new Float64Array(rows * steps);
  const present = new Uint8Array(rows * steps);
  for (let row = 0; row < rows; row++) {
    if (block.present[row] === 0) continue;
    values.fill(block.values[row] as number, row * steps, (row + 1) * steps);
    present.fill(1, row * steps, (row + 1) * steps);
  }
  return { ...block, steps, values, present };
}

/** Rows found or made by label set, each a full column of steps. */
export class BlockBuilder {
  readonly steps: number;
  readonly #grow: (cells: number) => void;
  readonly #labels: Labels[] = [];
  readonly #drop: number[] = [];
  readonly #byKey = new Map<string, number>();
  #values = new Float64Array(0);
  #present = new Uint8Array(0);

  /** @param grow told how many cells are about to be added; it throws at a limit. */
  constructor(steps: number, grow: (cells: number) => void) {
    this.steps = steps;
    this.#grow = grow;
  }

  /** Rows so far. */
  get size(): number {
    return this.#labels.length;
  }

  /** The row of these labels, new or not. */
  row(labels: Labels, dropName = false): number {
    const known = this.#byKey.get(labels.key);
    if (known !== undefined) return known;
    const row = this.#labels.length;
    this.#byKey.set(labels.key, row);
    this.#labels.push(labels);
    this.#drop.push(dropName ? 1 : 0);
    const cells = (row + 1) * this.steps;
    if (cells > this.#values.length) {
      const capacity = Math.max(cells, this.#values.length * 2, 16 * this.steps);
      this.#grow(capacity - this.#values.length);
      const values = new Float64Array(capacity);
      values.set(this.#values);
      const present = new Uint8Array(capacity);
      present.set(this.#present);
      this.#values = values;
      this.#present = present;
    }
    return row;
  }

  /** Sets one cell. @returns false when it was set before: two elements have the same labels at one time. */
  set(row: number, step: number, value: number): boolean {
    const cell = row * this.steps + step;
    if (this.#present[cell] === 1) return false;
    this.#values[cell] = value;
    this.#present[cell] = 1;
    return true;
  }

  finish(): VectorBlock {
    const cells = this.#labels.length * this.steps;
    return {
      kind: "vector",
      steps: this.steps,
      labels: this.#labels,
      dropName: this.#drop.includes(1) ? Uint8Array.from(this.#drop) : undefined,
      values: this.#values.subarray(0, cells),
      present: this.#present.subarray(0, cells),
    };
  }
}
