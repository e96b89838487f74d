/** The Appender handed to writers: collects, checks times, and gives everything to the store in one commit. */
import { assert } from "../base/assert.ts";
import type { Metadata } from "../model/metadata.ts";
import { NO_REF, type SeriesRef, type Timestamp } from "../model/sample.ts";
import type { Labels } from "../model/labels.ts";
import type { AppendResult, Appender } from "../storage/storage.ts";
import { emptyLoose, type LooseInput } from "./ingest.ts";

/** A row as it was appended; arrays are borrowed. */
interface PendingRow {
  readonly refs: Float64Array;
  readonly t: Timestamp;
  readonly values: Float64Array;
  readonly count: number;
  readonly stale: Uint8Array | undefined;
}

export interface Batch {
  readonly rows: readonly PendingRow[];
  readonly loose: LooseInput;
  readonly described: readonly (readonly [family: string, metadata: Metadata])[];
  readonly limited: number;
  readonly outOfBounds: number;
}

const NOTHING_DESCRIBED: Batch["described"] = [];

export interface AppenderHost {
  series(labels: Labels): SeriesRef;
  /** First and last time that is taken now. */
  bounds(): readonly [min: Timestamp, max: Timestamp];
  /** At once where nothing has to be waited for; then errors are thrown. Arrays of the batch are borrowed until then. */
  commit(batch: Batch): AppendResult | Promise<AppendResult>;
}

class StoreAppender implements Appender {
  readonly #host: AppenderHost;
  #rows: PendingRow[] = [];
  #loose: LooseInput = emptyLoose();
  #described: (readonly [string, Metadata])[] = [];
  #limited = 0;
  #outOfBounds = 0;
  #min = 0;
  #max = -1;

  constructor(host: AppenderHost) {
    this.#host = host;
  }

  #inBounds(t: Timestamp): boolean {
    if (this.#max < this.#min) [this.#min, this.#max] = this.#host.bounds();
    return t >= this.#min && t <= this.#max;
  }

  series(labels: Labels): SeriesRef {
    return this.#host.series(labels);
  }

  #one(ref: SeriesRef, t: Timestamp, v: number, stale: boolean): void {
    assert(Number.isSafeInteger(t), "a timestamp is a whole number of milliseconds");
    if (ref === NO_REF) {
      this.#limited++;
    } else if (!this.#inBounds(t)) {
      this.#outOfBounds++;
    } else {
      this.#loose.refs.push(ref);
      this.#loose.t.push(t);
      this.#loose.v.push(v);
      this.#loose.stale.push(stale);
    }
  }

  append(ref: SeriesRef, t: Timestamp, v: number): void {
    this.#one(ref, t, v, false);
  }

  appendStale(ref: SeriesRef, t: Timestamp): void {
    this.#one(ref, t, 0, true);
  }

  appendRow(refs: Float64Array, t: Timestamp, values: Float64Array, count: number, stale?: Uint8Array): void {
    assert(Number.isSafeInteger(t), "a timestamp is a whole number of milliseconds");
    assert(count <= refs.length && count <= values.length, "a row has as many values as it says");
    if (count === 0) return;
    if (this.#inBounds(t)) {
      this.#rows.push({ refs, t, values, count, stale });
      return;
    }
    for (let i = 0; i < count; i++) if (refs[i] !== NO_REF) this.#outOfBounds++;
  }

  describe(family: string, metadata: Metadata): void {
    this.#described.push([family, metadata]);
  }

  async commit(): Promise<AppendResult> {
    return this.commitNow();
  }

  commitNow(): AppendResult | Promise<AppendResult> {
    const batch: Batch = {
      rows: this.#rows,
      loose: this.#loose,
      described: this.#described.length === 0 ? NOTHING_DESCRIBED : this.#described,
      limited: this.#limited,
      outOfBounds: this.#outOfBounds,
    };
    this.rollback();
    return this.#host.commit(batch);
  }

  rollback(): void {
    this.#rows = [];
    // Rows are what a scrape has; what it has not is not made anew.
    if (this.#loose.refs.length > 0) this.#loose = emptyLoose();
    if (this.#described.length > 0) this.#described = [];
    this.#limited = 0;
    this.#outOfBounds = 0;
    this.#max = -1;
    this.#min = 0;
  }
}

export function createAppender(host: AppenderHost): Appender {
  return new StoreAppender(host);
}
