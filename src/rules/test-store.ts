/** A store for one rule test: series in memory, appended in order, read by the engine. Nothing outlives the test. */
import { METRIC_NAME, type Labels } from "../model/labels.ts";
import type { Matcher } from "../model/matcher.ts";
import type { SampleColumn } from "../model/sample.ts";
import type { Appendable, Appender, Querier, Queryable } from "../storage/storage.ts";

interface Stored {
  readonly labels: Labels;
  readonly samples: { readonly t: number; readonly v: number; readonly stale: boolean }[];
}

export type TestStore = Appendable & Queryable;

export function createTestStore(): TestStore {
  const all: Stored[] = [];
  const refs = new Map<string, number>();
  const byMetric = new Map<string, Stored[]>();

  const refOf = (labels: Labels): number => {
    const known = refs.get(labels.key);
    if (known !== undefined) return known;
    const stored = { labels, samples: [] };
    const ref = all.push(stored);
    refs.set(labels.key, ref);
    const same = byMetric.get(labels.metric);
    if (same === undefined) byMetric.set(labels.metric, [stored]);
    else same.push(stored);
    return ref;
  };

  const put = (ref: number, t: number, v: number, stale: boolean): boolean => {
    const { samples } = all[ref - 1] as Stored;
    let at = samples.length;
    while (at > 0 && (samples[at - 1] as { t: number }).t > t) at--;
    if (samples[at - 1]?.t === t) return false;
    samples.splice(at, 0, { t, v, stale });
    return true;
  };

  const appender = (): Appender => {
    let pending: (readonly [ref: number, t: number, v: number, stale: boolean])[] = [];
    return {
      series: refOf,
      append: (ref, t, v) => void pending.push([ref, t, v, false]),
      appendStale: (ref, t) => void pending.push([ref, t, Number.NaN, true]),
      appendRow(rowRefs, t, values, count, stale) {
        for (let i = 0; i < count; i++) {
          const ref = rowRefs[i] as number;
          if (ref > 0) pending.push([ref, t, values[i] as number, stale?.[i] === 1]);
        }
      },
      describe: () => undefined,
      commit() {
        const accepted = pending.filter((sample) => put(...sample)).length;
        const result = { accepted, duplicate: pending.length - accepted, outOfBounds: 0, limited: 0 };
        pending = [];
        return Promise.resolve(result);
      },
      commitNow() {
        return this.commit();
      },
      rollback() {
        pending = [];
      },
    };
  };

  return { appender, querier: (minT, maxT) => querierOf(minT, maxT, all, byMetric) };
}

function querierOf(
  minT: number,
  maxT: number,
  all: readonly Stored[],
  byMetric: ReadonlyMap<string, readonly Stored[]>,
): Querier {
  const found = (matchers: readonly Matcher[]): readonly Stored[] => {
    const name = matchers.find((matcher) => matcher.name === METRIC_NAME && matcher.op === "=")?.value;
    const candidates = name === undefined ? all : (byMetric.get(name) ?? []);
    return candidates.filter(({ labels }) => matchers.every((matcher) => matcher.matches(labels.get(matcher.name))));
  };

  return {
    select: (matchers, hints) =>
      Promise.resolve({
        series: found(matchers).map((stored) => ({
          labels: stored.labels,
          samples: () => column(stored, Math.max(minT, hints.start), Math.min(maxT, hints.end)),
        })),
        sorted: false,
        resolutionMs: 0,
        warnings: [],
      }),
    labelNames: (matchers) =>
      Promise.resolve([...new Set(found(matchers).flatMap(({ labels }) => [...labels].map(([name]) => name)))].sort()),
    labelValues: (name, matchers) =>
      Promise.resolve([...new Set(found(matchers).map(({ labels }) => labels.get(name)))].sort()),
    [Symbol.dispose]: () => undefined,
  };
}

function column({ samples }: Stored, start: number, end: number): SampleColumn {
  const kept = samples.filter(({ t }) => t >= start && t <= end);
  return {
    t: Float64Array.from(kept, ({ t }) => t),
    v: Float64Array.from(kept, ({ v }) => v),
    from: 0,
    to: kept.length,
    stale: kept.some(({ stale }) => stale) ? Uint8Array.from(kept, ({ stale }) => (stale ? 1 : 0)) : undefined,
  };
}
