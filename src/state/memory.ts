/** The state port in memory: for tests and for engines that keep nothing. Nothing is ever damaged here. */
import { compareUtf8 } from "../model/labels.ts";
import type { StateStore } from "./state.ts";

export function memoryState(): StateStore {
  const records = new Map<string, string>();
  return {
    get: async (key) => records.get(key),
    async batch(ops) {
      for (const op of ops) {
        if (op.kind === "put") records.set(op.key, op.value);
        else records.delete(op.key);
      }
    },
    async *scan({ gte, lt, reverse = false, limit = Number.POSITIVE_INFINITY }) {
      const keys = [...records.keys()]
        .filter(
          (key) => (gte === undefined || compareUtf8(key, gte) >= 0) && (lt === undefined || compareUtf8(key, lt) < 0),
        )
        .sort(compareUtf8);
      if (reverse) keys.reverse();
      let left = limit;
      for (const key of keys) {
        if (left-- <= 0) return;
        const value = records.get(key);
        if (value !== undefined) yield [key, value] as const;
      }
    },
    damaged: () => [],
    close: async () => undefined,
  };
}
