/** The shape of a file in test/bench: it measures something against a peer or a stated floor in the same run. */

/** Another program that did the same in the same run. */
export interface Peer {
  readonly name: string;
  readonly value: number;
  /** What was promised, as a multiple of the peer's value. */
  readonly atMost?: number;
}

export interface BenchRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly peers?: readonly Peer[];
  /** Measured in the same run: the least that is possible, or a stated floor. */
  readonly reference?: { readonly what: string; readonly value: number };
  /** What was promised; the run fails when the value is beyond it. */
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Why there is no value: what was to be measured ended with this. */
  readonly failed?: string;
}

export interface Bench {
  readonly name: string;
  /** What must be there: the single binary, or the lab with load. Such a bench is left out, and says so, without it. */
  readonly needs?: readonly ("binary" | "lab")[];
  /** What a reader of the table has to know: programs and their versions, what is not there. */
  about?(): readonly string[];
  run(): Promise<readonly BenchRow[]>;
}

const began = performance.now();

/** A line on stderr for somebody who waits. */
export function progress(text: string): void {
  console.error(`${((performance.now() - began) / 1_000).toFixed(0).padStart(6)} s  ${text}`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
