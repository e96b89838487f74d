import { rmSync } from "node:fs";
import { join } from "node:path";
import { openPicture } from "../../../src/app/directory.ts";
import { createMatcher } from "../../../src/model/matcher.ts";
import { remoteQueryable } from "../../../src/remote/queryable.ts";
import { decodeReadRequest, encodeReadResponse } from "../../../src/remote/read.ts";
import type { Queryable } from "../../../src/storage/storage.ts";
import type { Tsdb } from "../../../src/tsdb/tsdb.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { storageConformance } from "../../support/storage-conformance.ts";
import { throughPort } from "../../support/through-port.ts";
import { storeBox, temporaryDir } from "../../support/tsdb.ts";

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

/** A copy made while the store serves, opened where it lies: what `opsmon review` of a backup does. */
storageConformance(
  "a backup of the store",
  async () => {
    const places = temporaryDir();
    const boxes = [await storeBox({ chunkRows: 5 })];
    return {
      storage: boxes[0]?.db as Tsdb,
      async settle() {
        const place = join(places, String(boxes.length));
        await boxes.at(-1)?.db.backup(place);
        boxes.push(await storeBox({ chunkRows: 5, dir: place, keep: true }));
        return boxes.at(-1)?.db as Tsdb;
      },
      async close() {
        for (const box of boxes) await box[Symbol.asyncDispose]();
        rmSync(places, { recursive: true });
      },
    };
  },
  { histories: 20 },
);

/** A directory that nobody runs on, read through its picture: what one-shots without an engine do. */
storageConformance(
  "a stopped directory",
  async () => {
    const places = temporaryDir();
    const box = await storeBox({ chunkRows: 5 });
    const pictures: Awaited<ReturnType<typeof openPicture>>[] = [];
    return {
      storage: box.db,
      async settle() {
        // The picture's own samples go on in a copy, as no directory takes them.
        const place = join(places, String(pictures.length));
        await (pictures.at(-1)?.store ?? box.db).backup(place);
        pictures.push(await openPicture(place, box.clock));
        return pictures.at(-1)?.store as Tsdb;
      },
      async close() {
        for (const picture of pictures) await picture.close();
        await box[Symbol.asyncDispose]();
        rmSync(places, { recursive: true });
      },
    };
  },
  { histories: 20 },
);

/** Buckets as fine as the samples of the histories: what a tier keeps of them is all of them, when raw ones are gone. */
storageConformance(
  "a tier of the store",
  async () => {
    let keepFreeBytes = 0;
    const box = await storeBox({
      chunkRows: 5,
      tiers: [{ resolutionMs: 5_000, retentionMs: 1e12 }],
      rollDelayMs: 0,
      keepFreeBytes: () => keepFreeBytes,
    });
    return {
      storage: box.db,
      async settle() {
        await box.db.flush();
        keepFreeBytes = Number.MAX_SAFE_INTEGER;
        await box.clock.advance(61_000);
        await box.db.upkeep();
        keepFreeBytes = 0;
        if (box.db.stats().blocks > 0) throw new Error("raw samples are still there");
        return box.db;
      },
      close: async () => box[Symbol.asyncDispose](),
    };
  },
  // Without steps a longer range asks for raw samples; and what has gone to a tier alone knows no second sample of a time.
  { histories: 40, reachMs: 4e7, settlesLast: true },
);
