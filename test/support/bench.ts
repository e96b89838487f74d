/** The shape of a file in test/bench: it measures something against a peer or a stated floor in the same run. */
export interface BenchRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Measured in the same run: a peer doing the same, or the least that is possible. */
  readonly reference?: { readonly what: string; readonly value: number };
  /** What was promised; the run fails when the value is beyond it. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface Bench {
  readonly name: string;
  /** What must be there: the single binary, or the lab with load. Such a bench is left out, and says so, without it. */
  readonly needs?: readonly ("binary" | "lab")[];
  run(): Promise<readonly BenchRow[]>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
