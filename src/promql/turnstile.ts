/** Lets so many queries run at once; others wait in order until their deadline. */
import type { Clock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { WAITING_MAX } from "./options.ts";

export class Turnstile {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(places: number, clock: Clock) {
    this.#free = places;
    this.#clock = clock;
  }

  /**
   * Waits for a place; disposing the answer gives it back.
   *
   * @throws UserError `promql-busy` when too many wait already, `promql-timeout`, `promql-canceled`.
   */
  async enter(timeoutMs: number, signal: AbortSignal | undefined): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(timeoutMs, signal);
    let left = false;
    return {
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        this.#release();
      },
    };
  }

  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else {
      this.#waiting.delete(next);
      next();
    }
  }

  #wait(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) {
      const message = `${this.#waiting.size} queries are waiting already`;
      throw new UserError("promql-busy", message, { exit: EXIT.limit, hint: "ask again later, or less often" });
    }
    return new Promise((resolve, reject) => {
      const settle = (error?: UserError): void => {
        this.#waiting.delete(admit);
        timer[Symbol.dispose]();
        signal?.removeEventListener("abort", cancel);
        if (error === undefined) resolve();
        else reject(error);
      };
      const admit = (): void => settle();
      const cancel = (): void => {
        settle(new UserError("promql-canceled", "query was canceled while queued", { exit: EXIT.limit }));
      };
      const timer = this.#clock.after(timeoutMs, () => {
        settle(new UserError("promql-timeout", "query timed out in query queue", { exit: EXIT.limit }));
      });
      this.#waiting.add(admit);
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener("abort", cancel, { once: true });
    });
  }
}
