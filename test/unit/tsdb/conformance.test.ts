import { createMatcher } from "../../../src/model/matcher.ts";
import { remoteQueryable } from "../../../src/remote/queryable.ts";
import { decodeReadRequest, encodeReadResponse } from "../../../src/remote/read.ts";
import type { Queryable } from "../../../src/storage/storage.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { storageConformance } from "../../support/storage-conformance.ts";
import { throughPort } from "../../support/through-port.ts";
import { storeBox } from "../../support/tsdb.ts";

storageConformance("the naive store", async () => ({ storage: memoryStore(), close: async () => undefined }));

storageConformance("the head of the store", async () => {
  const box = await storeBox();
  return { storage: box.db, close: async () => box[Symbol.asyncDispose]() };
});

storageConformance(
  "the store, sealed",
  async () => {
    const box = await storeBox({ chunkRows: 5 });
    return {
      storage: box.db,
      async settle() {
        await box.db.flush();
        return box.db;
      },
      close: async () => box[Symbol.asyncDispose](),
    };
  },
  { histories: 80 },
);

storageConformance(
  "the store, reopened",
  async () => {
    const box = await storeBox({ chunkRows: 7 });
    return { storage: box.db, settle: () => box.reopen(), close: async () => box[Symbol.asyncDispose]() };
  },
  { histories: 80 },
);

/** A store asked over the wire, the answer cut off at the bytes a busy reader would take. */
function overTheWire(store: Queryable): Queryable {
  return remoteQueryable({
    async read(request) {
      const [query] = decodeReadRequest(request).queries;
      if (query === undefined) return encodeReadResponse({ results: [] });
      using querier = store.querier(query.start, query.end);
      const matchers = query.matchers.map(({ name, op, value }) => createMatcher(name, op, value));
      const { series } = await querier.select(matchers, query);
      const result = series.map((one) => {
        const { t, v, from, to, stale } = one.samples();
        return { labels: one.labels, t: t.slice(from, to), v: v.slice(from, to), stale: stale?.slice(from, to) };
      });
      return encodeReadResponse({ results: [result.filter(({ t }) => t.length > 0)] });
    },
  });
}

storageConformance(
  "the store, over remote read",
  async () => {
    const { db, ...box } = await storeBox({ chunkRows: 5 });
    const far = overTheWire(db);
    return {
      storage: { ...db, querier: (minT, maxT) => far.querier(minT, maxT) },
      close: async () => box[Symbol.asyncDispose](),
    };
  },
  { histories: 20 },
);

storageConformance(
  "the store, from another thread",
  async () => {
    const { db, ...box } = await storeBox({ chunkRows: 5 });
    const far = throughPort(db);
    return {
      storage: { ...db, querier: (minT, maxT) => far.storage.querier(minT, maxT) },
      async close() {
        await far[Symbol.asyncDispose]();
        await box[Symbol.asyncDispose]();
      },
    };
  },
  { histories: 20 },
);
