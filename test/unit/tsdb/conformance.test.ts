import { memoryStore } from "../../support/memory-store.ts";
import { storageConformance } from "../../support/storage-conformance.ts";
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
