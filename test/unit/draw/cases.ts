/** Panels whose drawing is kept literally in test/golden/panels.txt: one for each kind, size class and symbol set. */
import type { Size } from "../../../src/draw/cell.ts";
import { contribChart } from "../../../src/draw/contrib.ts";
import { drawPanel, type DrawOptions } from "../../../src/draw/panel.ts";
import { gridToText } from "../../../src/draw/text.ts";
import type { PanelFrame } from "../../../src/panel/frame.ts";
import { frame, line } from "../panel/frames.ts";

interface Case {
  readonly name: string;
  readonly frame: PanelFrame;
  readonly size: Size;
  readonly options: DrawOptions;
}

const POINTS = 60;

function wave(middle: number, height: number, period = 5): number[] {
  return Array.from({ length: POINTS }, (_, i) => middle + height * Math.sin(i / period));
}

function gap(values: readonly number[], from: number, to: number): number[] {
  return values.map((v, i) => (i >= from && i < to ? Number.NaN : v));
}

const chart = frame(
  [line("db1:9100", gap(wave(50, 40), 20, 26)), line("db2:9100", wave(20, 5))],
  { state: "warn", reason: "1 of 2 over 85 %: db1:9100" },
  { thresholds: [{ at: 85, state: "warn" }] },
);
const single = frame([line("a", wave(50, 40))]);
const bytes = frame(
  [line("used", wave(3e9, 1e9)), line("limit", wave(6e9, 0))],
  { max: 6 * 2 ** 30 },
  { unit: "bytes", title: "Memory" },
);
const bars = frame(
  [line("/data", [40]), line("/", [91]), line("/var/lib/a/very/long/mount/point", [3]), line("/gone", [Number.NaN])],
  { state: "crit", reason: "1 of 3 over 85 %: /" },
  { kind: "bar", title: "Disk space used", thresholds: [{ at: 85, state: "crit" }] },
);
const switches = frame(
  [line("postgres", [1]), line("redis", [0]), line("node", [1])],
  { state: "crit", reason: "1 of 3 down: redis", max: 1 },
  { kind: "table", unit: "bool", title: "Targets by job", thresholds: [{ at: 1, state: "crit", below: true }] },
);
const empty = frame(
  [],
  { state: "unknown", reason: "never scraped: redis_memory_used_bytes, redis_up" },
  { title: "Memory of the limit" },
);
const many = frame(
  Array.from({ length: 12 }, (_, i) => line(`queue-${i}`, wave(5 + i * 7, 2))),
  {},
  { title: "Queues" },
);
const hostile = frame(
  [line("\u001b[31mred\u0007\u202etxet\u200b 日本語\ne\u0301", [1, 2, 3])],
  { state: "warn", reason: "stale \u001b]0;owned\u0007 since" },
  { title: "Label\u001b[2J values" },
);

const braille = { symbols: "braille", utc: true } as const;
const block = { symbols: "block", utc: true } as const;
const ascii = { symbols: "ascii", utc: true } as const;
const contrib = { ...braille, chart: contribChart };

export const CASES: readonly Case[] = [
  {
    name: "chart 60x14 by blessed-contrib, with a cursor",
    frame: chart,
    size: { width: 60, height: 14 },
    options: { ...contrib, cursorAt: chart.t[40] },
  },
  { name: "chart 58x10: too low for blessed-contrib", frame: chart, size: { width: 58, height: 10 }, options: contrib },
  { name: "chart 60x14 braille", frame: chart, size: { width: 60, height: 14 }, options: braille },
  { name: "chart 60x14 block", frame: chart, size: { width: 60, height: 14 }, options: block },
  { name: "chart 60x14 ascii", frame: chart, size: { width: 60, height: 14 }, options: ascii },
  { name: "chart 46x8 braille: a phone", frame: chart, size: { width: 46, height: 8 }, options: braille },
  { name: "chart 24x3 braille: no legend", frame: chart, size: { width: 24, height: 3 }, options: braille },
  { name: "chart 40x1: one line of text", frame: chart, size: { width: 40, height: 1 }, options: braille },
  { name: "chart 5x2: hardly anything", frame: chart, size: { width: 5, height: 2 }, options: braille },
  { name: "chart 40x7 filled: one line", frame: single, size: { width: 40, height: 7 }, options: braille },
  {
    name: "chart 40x9 bytes without a title",
    frame: bytes,
    size: { width: 40, height: 9 },
    options: { ...braille, title: false },
  },
  {
    name: "chart 50x8 with more lines than a legend holds",
    frame: many,
    size: { width: 50, height: 8 },
    options: braille,
  },
  {
    name: "stat 30x2",
    frame: frame([line("", wave(50, 40))], {}, { kind: "stat" }),
    size: { width: 30, height: 2 },
    options: braille,
  },
  { name: "bar 46x8", frame: bars, size: { width: 46, height: 8 }, options: braille },
  { name: "bar 30x3 ascii: rows that do not fit", frame: bars, size: { width: 30, height: 3 }, options: ascii },
  { name: "table 30x6: down first", frame: switches, size: { width: 30, height: 6 }, options: braille },
  { name: "empty 24x6", frame: empty, size: { width: 24, height: 6 }, options: braille },
  { name: "hostile labels 40x6", frame: hostile, size: { width: 40, height: 6 }, options: braille },
  { name: "hostile labels 40x6 ascii", frame: hostile, size: { width: 40, height: 6 }, options: ascii },
];

/** What test/golden/panels.txt must hold. `node test/unit/draw/cases.ts > test/golden/panels.txt` writes it anew. */
export function goldenText(): string {
  return CASES.map((c) => `== ${c.name}\n${gridToText(drawPanel(c.frame, c.size, c.options))}\n`).join("");
}

if (import.meta.main) process.stdout.write(goldenText());
