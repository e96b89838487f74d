/**
 * `npm run bench [-- NAME…]`: runs every file of test/bench whose name holds one of the words, one after the other,
 * and prints a table of each; what is going on meanwhile goes to stderr. Exits 1 when a promised bound is missed.
 * OPSMON_BENCH_MARKDOWN names a file that gets the tables as Markdown.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { broken, markdownTable, plainTable } from "../test/support/bench-table.ts";
import type { Bench } from "../test/support/bench.ts";

const root: string = path.resolve(import.meta.dirname, "..");

const PRESENT: Readonly<Record<"binary" | "lab", { readonly file: string; readonly how: string }>> = {
  binary: { file: "dist/opsmon", how: "npm run package" },
  lab: { file: ".lab/pid/prometheus", how: "npm run lab -- up" },
};

/** @returns how many promises were not kept. */
async function measure(bench: Bench): Promise<number> {
  const absent = (bench.needs ?? []).filter((need) => !existsSync(path.join(root, PRESENT[need].file)));
  const why = absent.map((need) => `needs ${PRESENT[need].how}`).join(" and ");
  console.log(`${bench.name}${absent.length > 0 ? `: left out, ${why}` : ""}`);
  if (absent.length > 0) return 0;
  const about = bench.about?.() ?? [];
  for (const line of about) console.log(`  ${line}`);
  const rows = await bench.run();
  console.log(plainTable(rows));
  const markdown = process.env["OPSMON_BENCH_MARKDOWN"];
  if (markdown !== undefined)
    appendFileSync(markdown, `${about.map((line) => `* ${line}\n`).join("")}\n${markdownTable(rows)}\n`);
  return rows.filter((row) => broken(row) !== "").length;
}

// Programs a bench has started end with it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

const words: readonly string[] = process.argv.slice(2);
const folder: string = path.join(root, "test/bench");
const files: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(".ts"))
  .sort();
let failures = 0;
for (const file of files) {
  // what several benches share, and programs to be run by hand, lie beside them
  if (!/^export const bench\b/m.test(readFileSync(path.join(folder, file), "utf8"))) continue;
  const { bench } = (await import(path.join(folder, file))) as { bench: Bench };
  if (words.length > 0 && !words.some((word) => bench.name.includes(word))) continue;
  failures += await measure(bench);
}
if (failures > 0) console.log(`${failures} bounds not met`);
process.exit(failures > 0 ? 1 : 0);
