/** Running aggregations of a group over all steps: a row is added at a time, then the result is taken out. */
import { KahanMean } from "./kahan.ts";

export interface RowFold {
  /** Adds the row of a block that begins at `base`. */
  add(values: Float64Array, present: Uint8Array, base: number): void;
  /** Writes the results of all steps that had a value at `base`, and starts again. */
  take(values: Float64Array, present: Uint8Array, base: number): void;
}

export const ROW_FOLDS: Readonly<
  Record<"sum" | "avg" | "count" | "min" | "max" | "group", (steps: number) => RowFold>
> = {
  sum: (steps) => new SumFold(steps),
  avg: (steps) => new AvgFold(steps),
  count: (steps) => new CountFold(steps, false),
  group: (steps) => new CountFold(steps, true),
  min: (steps) => new ExtremeFold(steps, -1),
  max: (steps) => new ExtremeFold(steps, 1),
};

/** Compensated sums, see `kahan.ts`, one a step. */
class SumFold implements RowFold {
  protected readonly sums: Float64Array;
  protected readonly rests: Float64Array;
  protected readonly counts: Uint32Array;

  constructor(steps: number) {
    this.sums = new Float64Array(steps);
    this.rests = new Float64Array(steps);
    this.counts = new Uint32Array(steps);
  }

  add(values: Float64Array, present: Uint8Array, base: number): void {
    const { sums, rests, counts } = this;
    for (let step = 0; step < sums.length; step++) {
      if (present[base + step] === 0) continue;
      const inc = values[base + step] as number;
      const sum = sums[step] as number;
      const t = sum + inc;
      if (t === Number.POSITIVE_INFINITY || t === Number.NEGATIVE_INFINITY) rests[step] = 0;
      else {
        const lost = Math.abs(sum) >= Math.abs(inc) ? sum - t + inc : inc - t + sum;
        rests[step] = (rests[step] as number) + lost;
      }
      sums[step] = t;
      counts[step] = (counts[step] as number) + 1;
    }
  }

  take(values: Float64Array, present: Uint8Array, base: number): void {
    const { sums, rests, counts } = this;
    for (let step = 0; step < sums.length; step++) {
      if (counts[step] === 0) continue;
      values[base + step] = this.result(step);
      present[base + step] = 1;
    }
    sums.fill(0);
    rests.fill(0);
    counts.fill(0);
  }

  protected result(step: number): number {
    return (this.sums[step] as number) + (this.rests[step] as number);
  }
}

/** Sums over counts; a step whose sum leaves the doubles goes on with an incremental mean. */
class AvgFold extends SumFold {
  /** The rows added, for steps whose sum overflows. */
  readonly #rows: { readonly values: Float64Array; readonly present: Uint8Array; readonly base: number }[] = [];

  override add(values: Float64Array, present: Uint8Array, base: number): void {
    super.add(values, present, base);
    this.#rows.push({ values, present, base });
  }

  override take(values: Float64Array, present: Uint8Array, base: number): void {
    super.take(values, present, base);
    this.#rows.length = 0;
  }

  protected override result(step: number): number {
    const count = this.counts[step] as number;
    const plain = (this.sums[step] as number) / count + (this.rests[step] as number) / count;
    // A sum that left the doubles stays infinite or NaN.
    if (Number.isFinite(plain)) return plain;
    const mean = new KahanMean();
    for (const row of this.#rows) {
      if (row.present[row.base + step] === 1) mean.add(row.values[row.base + step] as number);
    }
    return mean.mean;
  }
}

class CountFold implements RowFold {
  readonly #counts: Uint32Array;
  readonly #one: boolean;

  constructor(steps: number, one: boolean) {
    this.#counts = new Uint32Array(steps);
    this.#one = one;
  }

  add(_values: Float64Array, present: Uint8Array, base: number): void {
    const counts = this.#counts;
    for (let step = 0; step < counts.length; step++) {
      counts[step] = (counts[step] as number) + (present[base + step] as number);
    }
  }

  take(values: Float64Array, present: Uint8Array, base: number): void {
    this.#counts.forEach((count, step) => {
      if (count === 0) return;
      values[base + step] = this.#one ? 1 : count;
      present[base + step] = 1;
    });
    this.#counts.fill(0);
  }
}

/** Least or greatest; any number replaces NaN. */
class ExtremeFold implements RowFold {
  readonly #best: Float64Array;
  readonly #seen: Uint8Array;
  readonly #sign: 1 | -1;

  constructor(steps: number, sign: 1 | -1) {
    this.#best = new Float64Array(steps);
    this.#seen = new Uint8Array(steps);
    this.#sign = sign;
  }

  add(values: Float64Array, present: Uint8Array, base: number): void {
    const best = this.#best;
    const seen = this.#seen;
    const sign = this.#sign;
    for (let step = 0; step < best.length; step++) {
      if (present[base + step] === 0) continue;
      const value = values[base + step] as number;
      const champion = best[step] as number;
      if (seen[step] === 0 || sign * value > sign * champion || Number.isNaN(champion)) best[step] = value;
      seen[step] = 1;
    }
  }

  take(values: Float64Array, present: Uint8Array, base: number): void {
    values.set(this.#best, base);
    present.set(this.#seen, base);
    this.#seen.fill(0);
  }
}
