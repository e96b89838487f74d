/**
 * `npm run torture`: kill -9 in rounds. Each round starts the engine on the same data, lets it run for a random while,
 * kills it, and checks what must hold: no sample that was once answered is gone, at most one is missing per kill, an
 * alert that was pending or firing still is after the restart, and every alert and its end reach the Telegram fake.
 * A disk that fills up loses nothing that it does not name. One of the scenarios: its name as argument.
 * TORTURE_ROUNDS (100), TORTURE_SEED, TORTURE_REPORT (a JSON file with numPassedTests and numFailedTests).
 */
import { writeFileSync } from "node:fs";
import { killedAlerts } from "../test/torture/alerts.ts";
import { fullDisk } from "../test/torture/full-disk.ts";
import { killedScrapes } from "../test/torture/scrapes.ts";
import { random } from "../test/support/random.ts";

const rounds = Number(process.env["TORTURE_ROUNDS"] ?? 100);
const seed = Number(process.env["TORTURE_SEED"] ?? Date.now() % 1_000_000);
const startedAt = performance.now();
let passed = 0;
let failed = 0;
const report = (what: string, problem: string | undefined): void => {
  if (problem === undefined) passed++;
  else failed++;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
  console.log(
    `${seconds} s  ${problem === undefined ? "ok    " : "FAILED"}  ${what}${problem === undefined ? "" : `: ${problem}`}`,
  );
};

console.log(`torture: ${rounds} rounds, TORTURE_SEED=${seed}`);
const only = process.argv[2] ?? "";
for (const scenario of [killedScrapes, killedAlerts, fullDisk].filter(({ name }) =>
  name.toLowerCase().includes(only),
)) {
  try {
    await scenario({ rounds, random: random(seed), report });
  } catch (error) {
    report(scenario.name, error instanceof Error ? error.message : String(error));
  }
}
const file = process.env["TORTURE_REPORT"];
if (file !== undefined) writeFileSync(file, JSON.stringify({ numPassedTests: passed, numFailedTests: failed }));
console.log(`torture: ${passed} checks held, ${failed} did not`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
