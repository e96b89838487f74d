/** One run for all who ask the same at the same time: it is aborted only when everyone who waits has left. */
import { EXIT, UserError } from "../base/errors.ts";

interface Run<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

export class SharedRuns<T> {
  readonly #runs = new Map<string, Run<T>>();

  /** @throws UserError `promql-canceled` for the one whose signal aborts; the others go on. */
  run(key: string, signal: AbortSignal | undefined, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    let run = this.#runs.get(key);
    if (run === undefined) {
      const controller = new AbortController();
      const promise = start(controller.signal);
      const made: Run<T> = { promise, controller, waiting: 0 };
      const forget = (): void => {
        if (this.#runs.get(key) === made) this.#runs.delete(key);
      };
      promise.then(forget, forget);
      this.#runs.set(key, made);
      run = made;
    }
    run.waiting++;
    return signal === undefined ? run.promise : this.#leaving(key, run, signal);
  }

  #leaving(key: string, run: Run<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(new UserError("promql-canceled", "query was canceled in expression evaluation", { exit: EXIT.limit }));
        if (--run.waiting > 0) return;
        // Nobody may join what is about to fail.
        if (this.#runs.get(key) === run) this.#runs.delete(key);
        run.controller.abort();
      };
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave, { once: true });
      run.promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
    });
  }
}
