/** Rows of a bench as a table: what was promised first, each with its verdict, then what else was measured. */
import type { BenchRow, Peer } from "./bench.ts";

export function number(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

/** Why the row breaks what was promised; empty when it keeps it. */
export function broken({ value, peers = [], atMost, atLeast, failed }: BenchRow): string {
  if (failed !== undefined) return `FAILED: ${failed}`;
  if (atMost !== undefined && !(value <= atMost)) return `MISSED: over ${number(atMost)}`;
  if (atLeast !== undefined && !(value >= atLeast)) return `MISSED: under ${number(atLeast)}`;
  const over = peers.filter((peer) => peer.atMost !== undefined && !(value <= peer.value * peer.atMost));
  return over.length === 0 ? "" : `MISSED: over ${over.map((peer) => `${peer.atMost}x ${peer.name}`).join(", ")}`;
}

function isPromise({ peers = [], atMost, atLeast, failed }: BenchRow): boolean {
  return [atMost, atLeast, failed].some((one) => one !== undefined) || peers.some((peer) => peer.atMost !== undefined);
}

function ratios({ value, peers = [], reference }: BenchRow): string {
  if (reference !== undefined)
    return `${(value / reference.value).toFixed(2)}x of ${number(reference.value)} (${reference.what})`;
  return peers.map((peer) => `${(value / peer.value).toFixed(2)}x`).join(" ");
}

function bounds({ peers = [], atMost, atLeast }: BenchRow): string {
  if (atMost !== undefined) return `<= ${number(atMost)}`;
  if (atLeast !== undefined) return `>= ${number(atLeast)}`;
  if (peers.every((peer) => peer.atMost === undefined)) return "";
  return `<= ${peers.map((peer) => (peer.atMost === undefined ? "-" : `${peer.atMost}x`)).join(" ")}`;
}

/** Header and rows, every cell a text. Peers have a column each, ratios and bounds stand in the order of these columns. */
export function tableOf(rows: readonly BenchRow[]): readonly (readonly string[])[] {
  const names = [...new Set(rows.flatMap(({ peers = [] }) => peers.map(({ name }) => name)))];
  const line = (row: BenchRow): readonly string[] => {
    const found = new Map<string, Peer>((row.peers ?? []).map((peer) => [peer.name, peer]));
    const others = names.map((name) => (found.has(name) ? number((found.get(name) as Peer).value) : ""));
    const verdict = broken(row) || (isPromise(row) ? "ok" : "");
    return [row.what, `${number(row.value)} ${row.unit}`.trim(), ...others, ratios(row), bounds(row), verdict];
  };
  const header = ["", "opsmon", ...names, "ratio", "bound", ""];
  return [header, ...rows.filter(isPromise).map(line), ...rows.filter((row) => !isPromise(row)).map(line)];
}

export function plainTable(rows: readonly BenchRow[]): string {
  const table = tableOf(rows);
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((cells) => (cells[column] ?? "").length)));
  return table
    .map((cells) => `  ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}

export function markdownTable(rows: readonly BenchRow[]): string {
  const [header = [], ...lines] = tableOf(rows).map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")));
  const rule = header.map((_, i) => (i === 0 || i === header.length - 1 ? "---" : "--:"));
  return [header, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
