/**
 * The naive store: every sample a pair in a sorted array, every query a scan. Obviously right and slow, so it is the
 * oracle of the store's own tests and the storage of everybody else's.
 */
import { compareUtf8, type Labels } from "../../src/model/labels.ts";
import type { Matcher } from "../../src/model/matcher.ts";
import type { Metadata } from "../../src/model/metadata.ts";
import { NO_REF, type SampleColumn } from "../../src/model/sample.ts";
import type { Appendable, Appender, MetadataReader, Querier, Queryable, Series } from "../../src/storage/storage.ts";

interface StoredSeries {
  readonly labels: Labels;
  readonly samples: { readonly t: number; readonly v: number; readonly stale: boolean }[];
}

export interface MemoryStoreOptions {
  /** Series beyond this are refused; no limit unless told. */
  readonly maxSeries?: number;
}

export type MemoryStore = Appendable & Queryable & MetadataReader;

interface PendingSample {
  readonly ref: number;
  readonly t: number;
  readonly v: number;
  readonly stale: boolean;
}

/** @returns index of the first sample at or after `t`. */
function lowerBound(samples: StoredSeries["samples"], t: number): number {
  let low = 0;
  let high = samples.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle] as { t: number }).t < t) low = middle + 1;
    else high = middle;
  }
  return low;
}

function columnOf(stored: StoredSeries, start: number, end: number): SampleColumn {
  const picked = stored.samples.slice(lowerBound(stored.samples, start), lowerBound(stored.samples, end + 1));
  return {
    t: Float64Array.from(picked, (sample) => sample.t),
    v: Float64Array.from(picked, (sample) => sample.v),
    from: 0,
    to: picked.length,
    stale: picked.some((sample) => sample.stale) ? Uint8Array.from(picked, (s) => (s.stale ? 1 : 0)) : undefined,
  };
}

/** Same bits, as far as JavaScript can see them: NaN equals NaN, -0 differs from 0. */
const same = (a: PendingSample, b: { v: number; stale: boolean }): boolean =>
  a.stale === b.stale && (a.stale || Object.is(a.v, b.v));

export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const byKey = new Map<string, number>();
  const all: StoredSeries[] = [];
  const described = new Map<string, Metadata>();

  const appender = (): Appender => {
    let pending: PendingSample[] = [];
    let descriptions: [string, Metadata][] = [];
    let limited = 0;
    const push = (sample: PendingSample): void => {
      if (sample.ref === NO_REF) limited++;
      else pending.push(sample);
    };
    return {
      series(labels) {
        const known = byKey.get(labels.key);
        if (known !== undefined) return known;
        if (all.length >= (options.maxSeries ?? Number.POSITIVE_INFINITY)) return NO_REF;
        all.push({ labels, samples: [] });
        byKey.set(labels.key, all.length);
        return all.length;
      },
      append: (ref, t, v) => push({ ref, t, v, stale: false }),
      appendStale: (ref, t) => push({ ref, t, v: Number.NaN, stale: true }),
      appendRow(refs, t, values, count, stale) {
        for (let i = 0; i < count; i++) {
          const ref = refs[i] as number;
          if (ref !== NO_REF) push({ ref, t, v: values[i] as number, stale: stale?.[i] === 1 });
        }
      },
      describe: (family, metadata) => void descriptions.push([family, metadata]),
      async commit() {
        let accepted = 0;
        let duplicate = 0;
        for (const sample of pending) {
          const { samples } = all[sample.ref - 1] as StoredSeries;
          const at = lowerBound(samples, sample.t);
          const there = samples[at];
          if (there === undefined || there.t !== sample.t) samples.splice(at, 0, sample);
          if (there !== undefined && there.t === sample.t && !same(sample, there)) duplicate++;
          else accepted++;
        }
        for (const [family, metadata] of descriptions) described.set(family, metadata);
        const result = { accepted, duplicate, outOfBounds: 0, limited };
        pending = [];
        descriptions = [];
        limited = 0;
        return result;
      },
      commitNow() {
        return this.commit();
      },
      rollback() {
        pending = [];
        descriptions = [];
        limited = 0;
      },
    };
  };

  const matching = (matchers: readonly Matcher[]): StoredSeries[] =>
    all.filter(({ labels }) => matchers.every((m) => m.matches(labels.get(m.name))));

  const querier = (minT: number, maxT: number): Querier => {
    const inRange = (matchers: readonly Matcher[]): StoredSeries[] =>
      matching(matchers).filter(({ samples }) => {
        const first = samples[lowerBound(samples, minT)];
        return first !== undefined && first.t <= maxT;
      });
    return {
      async select(matchers, hints) {
        const start = Math.max(minT, hints.start);
        const end = Math.min(maxT, hints.end);
        const series = inRange(matchers).map(
          (stored): Series => ({ labels: stored.labels, samples: () => columnOf(stored, start, end) }),
        );
        return { series, sorted: false, resolutionMs: 0, warnings: [] };
      },
      labelNames: async (matchers) =>
        [...new Set(inRange(matchers).flatMap(({ labels }) => [...labels].map(([name]) => name)))].sort(compareUtf8),
      labelValues: async (name, matchers) =>
        [...new Set(inRange(matchers).map(({ labels }) => labels.get(name)))].filter((v) => v !== "").sort(compareUtf8),
      [Symbol.dispose]: () => undefined,
    };
  };

  return {
    appender,
    querier,
    metadata(family) {
      const wanted = family === undefined ? [...described] : [...described].filter(([name]) => name === family);
      return new Map(wanted.map(([name, metadata]) => [name, [metadata]]));
    },
  };
}
