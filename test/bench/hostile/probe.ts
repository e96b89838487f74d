/**
 * Loaded into the engine of the hostile bench: how much processor its main thread used at most between two turns of its
 * loop. Unlike a wall clock this does not count the time in which the machine worked for somebody else.
 *
 * On SIGUSR2 the number, in ms, is written to OPSMON_BENCH_PROBE and counting starts afresh.
 */
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const TICK_MS = 1;

const file = process.env["OPSMON_BENCH_PROBE"];
if (isMainThread && file !== undefined) {
  const used = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1_000;
  };
  let last = used();
  let most = 0;
  setInterval(() => {
    const now = used();
    most = Math.max(most, now - last);
    last = now;
  }, TICK_MS).unref();
  process.on("SIGUSR2", () => {
    writeFileSync(file, String(most));
    most = 0;
  });
}
