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
/** From then on it is asked this often whether the first pages are learned, … */
const ASK_EVERY_MS = 5_000;
/** … and no longer than this: a target that never answers must not keep what the others left behind. */
const ASK_MS_MAX = 5 * 60_000;

/** @param learned whether every target has been scraped once. */
export function keepHeapSmall(learned: () => boolean): void {
  setTimeout(() => {
    setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
    whenLearned(learned, tidyHeap);
  }, AFTER_MS).unref();
}

/** Does `act` once, as soon as what is learned at first is learned. Exported for tests. */
export function whenLearned(learned: () => boolean, act: () => void, leftMs: number = ASK_MS_MAX): void {
  if (learned() || leftMs <= 0) act();
  else setTimeout(whenLearned, ASK_EVERY_MS, learned, act, leftMs - ASK_EVERY_MS).unref();
}

/**
 * Gives back what learning the first pages left behind: a fifth of all memory at 100,000 series, which would stay free
 * pages of the heap. Any other collection keeps such pages for later, until V8 finds the engine idle enough. It costs some
 * milliseconds for each ten thousand series, once.
 */
function tidyHeap(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (how: { type: "major"; flavor: "last-resort" }) => void;
  collect({ type: "major", flavor: "last-resort" });
}
