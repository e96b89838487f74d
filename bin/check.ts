/**
 * `npm run check`: everything that can be wrong without the lab, cheapest first. Every step runs even when an
 * earlier one failed, so one run names all there is to mend; prints each step's time and exits 1 on any failure.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";

const root: string = path.resolve(import.meta.dirname, "..");

const STEPS: readonly (readonly [name: string, ...argv: string[]])[] = [
  ["format", "biome", "format"],
  [
    "lint",
    "oxlint",
    "--config",
    ".config/oxlint.json",
    "--type-aware",
    "--deny-warnings",
    "src",
    "scrapers",
    "rules",
    "test",
    "bin",
  ],
  ["types", "tsc", "-p", "."],
  ["unused code", "knip", "--config", ".config/knip.json", "--no-progress"],
  ["build", "node", "bin/build.ts"],
  ["tests", "vitest", "run", "--config", ".config/vitest.ts"],
];

const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${path.dirname(process.execPath)}:${path.join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
};
const startedAt: number = performance.now();
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const failed: string[] = [];
for (const [name, command, ...argv] of STEPS) {
  const stepAt = performance.now();
  const { status, error } = spawnSync(command ?? "", argv, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) failed.push(name);
  console.error(
    `check: ${name} ${status === 0 ? "ok" : `FAILED${error ? ` (${error.message})` : ""}`}, ${seconds(stepAt)}`,
  );
}
console.error(`check: ${failed.length === 0 ? "all ok" : `failed: ${failed.join(", ")}`}, ${seconds(startedAt)}`);
process.exitCode = failed.length === 0 ? 0 : 1;
