/**
 * Running aggregations of groups over all steps: rows are added one at a time to their group's result, in the order of
 * the series, so that compensated sums come out as Prometheus' do.
 */

/** Columns of `groups × steps` cells that a fold fills. */
export interface FoldColumns {
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

export interface RowFold {
  /** Adds the row of `steps` cells that begins at `base` to the group whose row begins at `to`. */
  add(values: Float64Array, present: Uint8Array, base: number, to: number): void;
  /** @returns false when the result needs a second look at all rows: a mean whose sum left the doubles. */
  finish(): boolean;
}

export type FoldOp = "sum" | "avg" | "count" | "min" | "max" | "group";

export const ROW_FOLDS: Readonly<Record<FoldOp, (steps: number, out: FoldColumns) => RowFold>> = {
  sum: (steps, out) => new SumFold(steps, out),
  avg: (steps, out) => new AvgFold(steps, out),
  count: (steps, out) => new CountFold(steps, out),
  group: (steps, out) => new GroupFold(steps, out),
  min: (steps, out) => new ExtremeFold(steps, out, -1),
  max: (steps, out) => new ExtremeFold(steps, out, 1),
};

export function isFoldOp(op: string): op is FoldOp {
  return Object.hasOwn(ROW_FOLDS, op);
}

/** Whether every cell of a row has a value. */
function isDense(present: Uint8Array, base: number, end: number): boolean {
  if (end - base === 1) return present[base] === 1;
  const row = end - base === present.length ? present : present.subarray(base, end);
  return row.indexOf(0) < 0;
}

/** Compensated sums, see `kahan.ts`. */
class SumFold implements RowFold {
  readonly #steps: number;
  readonly #out: FoldColumns;
  readonly #rests: Float64Array;

  constructor(steps: number, out: FoldColumns) {
    this.#steps = steps;
    this.#out = out;
    this.#rests = new Float64Array(out.values.length);
  }

  add(values: Float64Array, present: Uint8Array, base: number, to: number): void {
    const { values: sums, present: seen } = this.#out;
    const rests = this.#rests;
    const end = base + this.#steps;
    const all = isDense(present, base, end);
    if (all) seen.fill(1, to, to + this.#steps);
    for (let from = base, at = to; from < end; from++, at++) {
      if (!all) {
        if (present[from] === 0) continue;
        seen[at] = 1;
      }
      const inc = values[from] as number;
      const sum = sums[at] as number;
      const t = sum + inc;
      // What rounding lost, without asking which is larger: both ways are exact, so they agree.
      const part = t - sum;
      const lost = sum - (t - part) + (inc - part);
      rests[at] = t - t === 0 ? (rests[at] as number) + lost : 0;
      sums[at] = t;
    }
  }

  finish(): boolean {
    const { values } = this.#out;
    const rests = this.#rests;
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (rests[i] as number);
    return true;
  }
}

/** Sums over counts. */
class AvgFold implements RowFold {
  readonly #steps: number;
  readonly #out: FoldColumns;
  readonly #rests: Float64Array;
  readonly #counts: Uint32Array;
  #overflowed = false;

  constructor(steps: number, out: FoldColumns) {
    this.#steps = steps;
    this.#out = out;
    this.#rests = new Float64Array(out.values.length);
    this.#counts = new Uint32Array(out.values.length);
  }

  add(values: Float64Array, present: Uint8Array, base: number, to: number): void {
    const { values: sums } = this.#out;
    const rests = this.#rests;
    const counts = this.#counts;
    const end = base + this.#steps;
    for (let from = base, at = to; from < end; from++, at++) {
      if (present[from] === 0) continue;
      const inc = values[from] as number;
      const sum = sums[at] as number;
      const t = sum + inc;
      if (t === Number.POSITIVE_INFINITY || t === Number.NEGATIVE_INFINITY) this.#overflowed = true;
      const lost = Math.abs(sum) >= Math.abs(inc) ? sum - t + inc : inc - t + sum;
      rests[at] = (rests[at] as number) + lost;
      sums[at] = t;
      counts[at] = (counts[at] as number) + 1;
    }
  }

  finish(): boolean {
    if (this.#overflowed) return false;
    const { values, present } = this.#out;
    for (let i = 0; i < values.length; i++) {
      const count = this.#counts[i] as number;
      if (count === 0) continue;
      values[i] = (values[i] as number) / count + (this.#rests[i] as number) / count;
      present[i] = 1;
    }
    return true;
  }
}

class CountFold implements RowFold {
  readonly #steps: number;
  readonly #out: FoldColumns;

  constructor(steps: number, out: FoldColumns) {
    this.#steps = steps;
    this.#out = out;
  }

  add(_values: Float64Array, present: Uint8Array, base: number, to: number): void {
    const { values: counts, present: seen } = this.#out;
    for (let step = 0; step < this.#steps; step++) {
      if (present[base + step] === 0) continue;
      counts[to + step] = (counts[to + step] as number) + 1;
      seen[to + step] = 1;
    }
  }

  finish(): boolean {
    return true;
  }
}

class GroupFold implements RowFold {
  readonly #steps: number;
  readonly #out: FoldColumns;

  constructor(steps: number, out: FoldColumns) {
    this.#steps = steps;
    this.#out = out;
  }

  add(_values: Float64Array, present: Uint8Array, base: number, to: number): void {
    const { present: seen } = this.#out;
    for (let step = 0; step < this.#steps; step++) if (present[base + step] === 1) seen[to + step] = 1;
  }

  finish(): boolean {
    const { values, present } = this.#out;
    for (let i = 0; i < values.length; i++) values[i] = present[i] as number;
    return true;
  }
}

/** Least or greatest; any number replaces NaN. */
class ExtremeFold implements RowFold {
  readonly #steps: number;
  readonly #out: FoldColumns;
  readonly #sign: 1 | -1;

  constructor(steps: number, out: FoldColumns, sign: 1 | -1) {
    this.#steps = steps;
    this.#out = out;
    this.#sign = sign;
  }

  add(values: Float64Array, present: Uint8Array, base: number, to: number): void {
    const { values: best, present: seen } = this.#out;
    const sign = this.#sign;
    const end = base + this.#steps;
    for (let from = base, at = to; from < end; from++, at++) {
      if (present[from] === 0) continue;
      const value = values[from] as number;
      const champion = best[at] as number;
      if (seen[at] === 0 || sign * value > sign * champion || Number.isNaN(champion)) best[at] = value;
      seen[at] = 1;
    }
  }

  finish(): boolean {
    return true;
  }
}
