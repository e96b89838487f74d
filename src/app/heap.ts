/** How V8 trades memory for time in an engine that runs for months beside the services it watches. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * The old generation is collected once it is this much larger than what was alive, in percent. V8's own choice lets it
 * triple: with 300,000 series scraped each second that was 100 MB of garbage, for a collection of 50 ms saved now and
 * then.
 */
const GROWTH_PERCENT = 30;
/**
 * Set when the engine has run for so long: a program that starts up fills its heap for good, and V8 refuses compiled
 * code that was kept under other flags, which the launcher does some seconds after the start.
 */
const AFTER_MS = 10_000;
/**
 * When what learning the first pages left behind is given back: a tenth of all memory at 300,000 series, which would
 * stay free pages of the heap. It costs some milliseconds for each ten thousand series, once.
 */
const TIDY_MS = 20_000;

export function keepHeapSmall(): void {
  setTimeout(() => setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`), AFTER_MS).unref();
  setTimeout(tidyHeap, TIDY_MS).unref();
}

function tidyHeap(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (how: { type: "major"; flavor: "last-resort" }) => void;
  collect({ type: "major", flavor: "last-resort" });
}
