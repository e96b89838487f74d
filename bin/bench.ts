/**
 * `npm run bench [-- NAME…]`: runs every file of test/bench whose name holds one of the words, one after the other,
 * and prints value, reference and their ratio. Exits 1 when a promised bound is not met.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Bench, BenchRow } from "../test/support/bench.ts";

const root: string = path.resolve(import.meta.dirname, "..");

const PRESENT: Readonly<Record<"binary" | "lab", { readonly file: string; readonly how: string }>> = {
  binary: { file: "dist/opsmon", how: "npm run package" },
  lab: { file: ".lab/pid/prometheus", how: "npm run lab -- up" },
};

function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

function broken({ value, atMost, atLeast }: BenchRow): string | undefined {
  if (atMost !== undefined && !(value <= atMost)) return `over ${number(atMost)}`;
  if (atLeast !== undefined && !(value >= atLeast)) return `under ${number(atLeast)}`;
  return undefined;
}

function print(rows: readonly BenchRow[]): void {
  const table = rows.map((row) => {
    const { what, value, unit, reference, atMost, atLeast } = row;
    const ratio =
      reference === undefined
        ? ""
        : `${(value / reference.value).toFixed(2)}x of ${number(reference.value)} (${reference.what})`;
    const bound = atMost !== undefined ? `<= ${number(atMost)}` : atLeast !== undefined ? `>= ${number(atLeast)}` : "";
    return [what, `${number(value)} ${unit}`, ratio, bound, broken(row) ?? (bound === "" ? "" : "ok")];
  });
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...table.map((cells) => (cells[column] ?? "").length)));
  for (const cells of table)
    console.log(
      `  ${cells
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd()}`,
    );
}

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
  const absent = (bench.needs ?? []).filter((need) => !existsSync(path.join(root, PRESENT[need].file)));
  console.log(
    `${bench.name}${absent.length > 0 ? `: left out, ${absent.map((need) => `needs ${PRESENT[need].how}`).join(" and ")}` : ""}`,
  );
  if (absent.length > 0) continue;
  const rows = await bench.run();
  print(rows);
  failures += rows.filter((row) => broken(row) !== undefined).length;
}
if (failures > 0) console.log(`${failures} bounds not met`);
process.exit(failures > 0 ? 1 : 0);
