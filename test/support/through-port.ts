/** A store read by another thread over the query thread's port; what it read comes back whole. */
import path from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import type { ToStore } from "../../src/app/query-worker/messages.ts";
import { StoreServer } from "../../src/app/query-worker/store-server.ts";
import { UserError } from "../../src/base/errors.ts";
import { Labels } from "../../src/model/labels.ts";
import type { Matcher } from "../../src/model/matcher.ts";
import type { Aggregate, Querier, Queryable, Series } from "../../src/storage/storage.ts";
import type { Asked, Told } from "./port-reader.ts";

export interface FarReader extends AsyncDisposable {
  readonly storage: Queryable;
}

export function throughPort(store: Queryable): FarReader {
  const { port1, port2 } = new MessageChannel();
  const bell = new SharedArrayBuffer(4);
  const count = new Int32Array(bell);
  const worker = new Worker(path.join(import.meta.dirname, "port-reader.ts"), {
    workerData: { port: port2, bell },
    transferList: [port2],
    execArgv: ["--no-warnings"],
  });
  const server = new StoreServer(store, {
    send(message, transfer) {
      port1.postMessage(message, transfer);
      Atomics.add(count, 0, 1);
      Atomics.notify(count, 0);
    },
  });
  port1.on("message", (message: ToStore) => server.take(message));
  const waiting = new Map<number, (told: Told) => void>();
  worker.on("message", (told: Told) => waiting.get(told.id)?.(told));
  let number = 0;
  const ask = async (asked: Omit<Asked, "id">): Promise<Told> => {
    const id = ++number;
    const told = await new Promise<Told>((resolve) => {
      waiting.set(id, resolve);
      worker.postMessage({ ...asked, id }, []);
    });
    waiting.delete(id);
    if (told.error !== undefined) throw new UserError(told.error.code, told.error.message);
    return told;
  };
  const plain = (matchers: readonly Matcher[]): Asked["matchers"] =>
    matchers.map(({ name, op, value }) => ({ name, op, value }));
  const querier = (minT: number, maxT: number): Querier => ({
    async select(matchers, hints) {
      const { set, series } = await ask({
        minT,
        maxT,
        matchers: plain(matchers),
        what: "select",
        label: "",
        hints: { ...hints },
      });
      return {
        ...set,
        series: series.map(({ labels, samples, aggregates }): Series => {
          const one = { labels: Labels.from(labels), samples: () => samples };
          if (aggregates === undefined) return one;
          return { ...one, aggregate: (which: Aggregate) => aggregates.get(which) ?? samples };
        }),
      };
    },
    labelNames: async (matchers) =>
      (await ask({ minT, maxT, matchers: plain(matchers), what: "names", label: "", hints: undefined })).texts,
    labelValues: async (label, matchers) =>
      (await ask({ minT, maxT, matchers: plain(matchers), what: "values", label, hints: undefined })).texts,
    [Symbol.dispose]: () => undefined,
  });
  return {
    storage: { querier },
    async [Symbol.asyncDispose]() {
      server.close();
      port1.close();
      await worker.terminate();
    },
  };
}
