/** Says once that a store refuses and once that it takes again: a full disk must not be filled with lines about it. */
import { errorText } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";

export class Refusal {
  #since = 0;

  refused(log: Logger, error: unknown): void {
    this.#since++;
    const line = "results of rules are not stored";
    if (this.#since === 1) log.error(line, { error: errorText(error) });
    else log.debug(line, { error: errorText(error) });
  }

  taken(log: Logger): void {
    if (this.#since > 0) log.info("results of rules are stored again", { refused: this.#since });
    this.#since = 0;
  }
}
