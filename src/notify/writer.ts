/**
 * Group commit: operations in, durable batches out, in order. While one batch is being synced the next ones gather
 * into one, so a thousand groups cost two syncs. When the disk refuses, the operations are kept and tried again
 * with the next batch, and callers go on: alerts must be told even on a full disk.
 */
import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { StateOp, StateStore } from "../state/state.ts";

/** Pause after a refused batch when nobody saves in the meantime. */
const RETRY_MS = 5_000;
/** Keys kept while the disk refuses; the oldest are given up beyond it. A storm of 10,000 groups has 40,000. */
const UNSAVED_MAX = 100_000;

export interface Writer {
  /** Resolves when the operations are on disk (true) or were refused and are kept for later (false). */
  save(ops: readonly StateOp[]): Promise<boolean>;
  /** The last batch was refused. */
  readonly failing: boolean;
  /** Resolves when everything issued so far was written or refused; refused operations are not tried again. */
  close(): Promise<void>;
}

export function createWriter(state: StateStore, clock: Clock, log: Logger): Writer {
  let pending = new Map<string, StateOp>();
  let waiting: ((saved: boolean) => void)[] = [];
  let running: Promise<void> | undefined;
  let failing = false;
  let closed = false;
  let retry: Disposable | undefined;

  const write = async (): Promise<void> => {
    for (;;) {
      if (pending.size === 0 || closed) break;
      const batch = pending;
      const told = waiting;
      pending = new Map();
      waiting = [];
      try {
        await state.batch([...batch.values()]);
        if (failing) log.info("notifier state is written again");
        failing = false;
        for (const resolve of told) resolve(true);
      } catch (error) {
        if (!failing) {
          log.error("notifier state cannot be written; alerts go on from memory", { error: errorText(error) });
        }
        failing = true;
        // What was refused stands behind anything newer for the same key.
        pending = new Map([...batch, ...pending]);
        while (pending.size > UNSAVED_MAX) pending.delete(pending.keys().next().value as string);
        for (const resolve of told) resolve(false);
        break;
      }
    }
    running = undefined;
    if (failing && !closed) {
      retry?.[Symbol.dispose]();
      retry = clock.after(RETRY_MS, start);
    }
  };
  const start = (): void => {
    // The first batch also waits one turn, so that everything of one flush shares it.
    running ??= Promise.resolve().then(write);
  };
  return {
    save(ops) {
      for (const op of ops) {
        pending.delete(op.key);
        pending.set(op.key, op);
      }
      if (ops.length === 0) return Promise.resolve(!failing);
      return new Promise((resolve) => {
        waiting.push(resolve);
        start();
      });
    },
    get failing() {
      return failing;
    },
    async close() {
      for (;;) {
        if (running === undefined) break;
        await running;
      }
      closed = true;
      retry?.[Symbol.dispose]();
    },
  };
}
