/**
 * The store as outsiders write to it: what comes in by remote write or import may be of any age, so remembered answers
 * are dropped with each commit. Scrapes and rules write the present and go past this.
 */
import type { Appendable, MetadataReader, Queryable } from "../storage/storage.ts";

export function forgetfulStorage(
  store: Appendable & Queryable & MetadataReader,
  forget: () => void,
): Appendable & Queryable & MetadataReader {
  return {
    appender() {
      const inner = store.appender();
      return {
        series: (labels) => inner.series(labels),
        append: (ref, t, v) => inner.append(ref, t, v),
        appendStale: (ref, t) => inner.appendStale(ref, t),
        appendRow: (refs, t, values, count, stale) => inner.appendRow(refs, t, values, count, stale),
        describe: (family, metadata) => inner.describe(family, metadata),
        async commit() {
          const result = await inner.commit();
          forget();
          return result;
        },
        rollback: () => inner.rollback(),
      };
    },
    querier: (minT, maxT) => store.querier(minT, maxT),
    metadata: (family) => store.metadata(family),
  };
}
