/**
 * Keeps V8's optimizing compiler out of a start. What a start runs it runs once: the threads that compile it in the meantime
 * take processors from the main thread, and hand in their work when nobody asks for it any more. On two processors that
 * was a fifth of the time to the first answer.
 */
import { setFlagsFromString } from "node:v8";

/**
 * What a start asks Node for later on. V8 refuses Node's own compiled modules while one of its flags is not as it was when they
 * were made; to compile them anew takes longer than all that is won here.
 */
const ASKED_FOR_LATER = ["dns", "http", "net", "os", "perf_hooks", "stream/promises", "zlib"] as const;

/** An engine answers long before; and the launcher keeps compiled code after that, which must not be made under the flag. */
const LIGHT_MS = 2_000;

/**
 * Names of functions that TurboFan may compile. It is not turned off altogether: what Maglev compiles without it never asks
 * for better code again, and scraping stayed a third dearer for good.
 */
const NOTHING = "~";
const EVERYTHING = "*";

/** For as long as a start takes, functions are compiled fast instead of well. */
export function startLightly(): void {
  for (const name of ASKED_FOR_LATER) process.getBuiltinModule(name);
  setFlagsFromString(`--turbo-filter=${NOTHING}`);
  setTimeout(() => setFlagsFromString(`--turbo-filter=${EVERYTHING}`), LIGHT_MS).unref();
}
