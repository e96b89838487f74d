/**
 * The store as outsiders write to it: what comes in by remote write or import may be of any age, so remembered answers
 * are dropped when a commit held a sample from the time they speak of. Agents that send the present leave them alone, as
 * scrapes and rules do, which go past this.
 */
import type { Timestamp } from "../model/sample.ts";
import { SETTLED_MS } from "../promql/range-cache.ts";
import type { Appendable, MetadataReader, Queryable } from "../storage/storage.ts";

/** @param forget is told of samples that change what has settled. */
export function forgetfulStorage(
  store: Appendable & Queryable & MetadataReader,
  forget: () => void,
  now: () => Timestamp,
): Appendable & Queryable & MetadataReader {
  return {
    appender() {
      const inner = store.appender();
      let oldest = Number.POSITIVE_INFINITY;
      return {
        series: (labels) => inner.series(labels),
        append(ref, t, v) {
          oldest = Math.min(oldest, t);
          inner.append(ref, t, v);
        },
        appendStale(ref, t) {
          oldest = Math.min(oldest, t);
          inner.appendStale(ref, t);
        },
        appendRow(refs, t, values, count, stale) {
          oldest = Math.min(oldest, t);
          inner.appendRow(refs, t, values, count, stale);
        },
        describe: (family, metadata) => inner.describe(family, metadata),
        async commit() {
          const old = oldest;
          oldest = Number.POSITIVE_INFINITY;
          const result = await inner.commit();
          if (old <= now() - SETTLED_MS) forget();
          return result;
        },
        commitNow() {
          return this.commit();
        },
        rollback() {
          oldest = Number.POSITIVE_INFINITY;
          inner.rollback();
        },
      };
    },
    querier: (minT, maxT) => store.querier(minT, maxT),
    metadata: (family) => store.metadata(family),
  };
}
