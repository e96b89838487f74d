import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contribChart } from "../../../src/draw/contrib.ts";
import { drawPanel } from "../../../src/draw/panel.ts";
import { gridToAnsi, gridToRows, gridToText } from "../../../src/draw/text.ts";
import { STYLE, THEMES } from "../../../src/draw/theme.ts";
import type { PanelSpec } from "../../../src/panel/spec.ts";
import { frame, line } from "../panel/frames.ts";
import { CASES, goldenText } from "./cases.ts";

const ESC = "\u001b";
const GOLDEN = readFileSync(new URL("../../golden/panels.txt", import.meta.url), "utf8");

function section(name: string): string {
  const start = GOLDEN.indexOf(`== ${name}\n`) + name.length + 4;
  const end = GOLDEN.indexOf("\n== ", start);
  return end < 0 ? GOLDEN.slice(start) : GOLDEN.slice(start, end + 1);
}

describe("drawPanel draws exactly", () => {
  it.each(CASES.map((c) => [c.name, c] as const))("%s", (name, c) => {
    expect(GOLDEN).toContain(`== ${name}\n`);
    expect(`${gridToText(drawPanel(c.frame, c.size, c.options))}\n`).toBe(section(name));
  });
});

it("the golden file holds these panels and no others", () => {
  expect(goldenText()).toBe(GOLDEN);
});

it("a state is told without colour: a sign, a word, a reason", () => {
  const text = gridToText(drawPanel(CASES[0]?.frame ?? frame([]), { width: 60, height: 14 }, { symbols: "braille" }));
  expect(text).toMatch(/^! CPU.*WARN$/m);
  expect(text).toContain("1 of 2 over 85 %");
});

it("a gap in the data is a gap in the chart, for both renderers", () => {
  const values = Array.from({ length: 60 }, (_, i) => (i >= 20 && i < 40 ? Number.NaN : 50));
  for (const chart of [undefined, contribChart]) {
    const rows = gridToRows(
      drawPanel(frame([line("", values)]), { width: 66, height: 14 }, { symbols: "braille", chart, title: false }),
    );
    const middle = rows.map((row) => row.slice(5 + 24, 5 + 36)).slice(0, 11);
    expect(middle.join("").trim()).toBe("");
  }
});

it.each([9, 99, 999, 1e6, 1e9])("blessed-contrib draws nothing left of the first value on an axis up to %d", (max) => {
  const values = Array.from({ length: 60 }, (_, i) => (i < 30 ? Number.NaN : max / 2));
  const rows = gridToRows(
    drawPanel(
      frame([line("", values)], { max }, { unit: "count" }),
      { width: 66, height: 14 },
      { symbols: "braille", chart: contribChart, title: false },
    ),
  );
  const axis = rows[0]?.indexOf("┤") ?? 0;
  const left = rows.slice(0, 11).map((row) => row.slice(axis + 1, axis + 28));
  expect(left.join("").trim()).toBe("");
  expect(rows.slice(0, 11).join("")).toMatch(/[\u2801-\u28ff]{20}/);
});

it.each([
  { unit: "bool", max: 1, labels: ["up", "down"], why: "a switch has no value between" },
  { unit: "percent", max: 100, labels: ["100%", "75%", "50%", "25%", "0%"], why: "each says something else" },
] as const)("the axis of $unit says $labels: $why", ({ unit, max, labels }) => {
  const size = { width: 66, height: 15 };
  for (const chart of [undefined, contribChart]) {
    const drawn = drawPanel(frame([line("", [1, 1, 0])], { max }, { unit }), size, { symbols: "braille", chart });
    const found = gridToRows(drawn).flatMap((row) => /^ *([a-z\d%]+) *┤/.exec(row)?.[1] ?? []);
    expect(found).toEqual(labels);
  }
});

it("blessed-contrib draws lines where they are: top, middle and bottom of the axis", () => {
  const levels = [100, 50, 0];
  const drawn = levels.map((level) => {
    const grid = drawPanel(
      frame([
        line(
          "",
          Array.from({ length: 60 }, () => level),
        ),
      ]),
      { width: 66, height: 15 },
      { symbols: "braille", chart: contribChart, title: false },
    );
    const rows = gridToRows(grid).slice(0, -2);
    return rows.findIndex((row) => /[\u2801-\u28ff]{20}/.test(row));
  });
  expect(drawn[0]).toBe(0);
  expect(drawn[1]).toBeGreaterThan(4);
  expect(drawn[1]).toBeLessThan(8);
  expect(drawn[2]).toBe(12);
});

it("blessed-contrib leaves nothing behind in the process", () => {
  const before = process.eventNames().map((name) => [name, process.listenerCount(name)]);
  drawPanel(frame([line("", [1, 2, 3])]), { width: 80, height: 20 }, { symbols: "braille", chart: contribChart });
  expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(before);
});

const nasty = fc.oneof(
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, -1e308, -0, 5e-324, 0, 1),
  fc.double(),
);
const kind = fc.constantFrom<PanelSpec["kind"]>("chart", "stat", "gauge", "bar", "table");

describe("whatever the values and the size", () => {
  it("a panel is exactly as large as asked, holds no control character and reads each value a bounded number of times", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(nasty, { maxLength: 150 }), { maxLength: 12 }),
        fc.record({ width: fc.integer({ min: 0, max: 120 }), height: fc.integer({ min: 0, max: 40 }) }),
        fc.record({
          min: nasty,
          max: nasty,
          symbols: fc.constantFrom("braille", "block", "ascii"),
          kind,
          contrib: fc.boolean(),
        }),
        fc.string({ unit: "binary", maxLength: 30 }),
        (values, size, how, legend) => {
          let reads = 0;
          const points = Math.max(0, ...values.map((v) => v.length));
          const lines = values.map((v) => {
            const padded = Float64Array.from({ length: points }, (_, i) => v[i] ?? Number.NaN);
            const counted = new Proxy(padded, {
              get(target, key) {
                if (typeof key === "string" && /^\d+$/.test(key)) reads += 1;
                const value: unknown = Reflect.get(target, key, target);
                return typeof value === "function" ? value.bind(target) : value;
              },
            });
            return { legend, labels: {}, v: counted, last: padded.at(-1) ?? Number.NaN };
          });
          const panel = frame(
            lines,
            { min: how.min, max: how.max, t: Float64Array.from({ length: points }, (_, i) => i * 1e4) },
            {
              kind: how.kind,
              title: legend,
              thresholds: [{ at: how.max, state: "warn" }],
            },
          );
          const grid = drawPanel(panel, size, { symbols: how.symbols, chart: how.contrib ? contribChart : undefined });
          expect([grid.width, grid.height, grid.glyph.length]).toEqual([
            size.width,
            size.height,
            size.width * size.height,
          ]);
          expect(gridToRows(grid).join("")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
          // Every point once for each place it may show in, and two for each dot column between points.
          expect(reads).toBeLessThanOrEqual(lines.length * (6 * points + 8 * size.width + 8));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("a huge series is drawn from one pass over it", () => {
    const values = Array.from({ length: 200_000 }, (_, i) => (i % 1000 === 0 ? 1e308 : Math.sin(i)));
    for (const chart of [undefined, contribChart]) {
      const grid = drawPanel(
        frame([line("a", values)], { min: -1, max: 1 }),
        { width: 200, height: 50 },
        { symbols: "braille", chart },
      );
      expect(grid.glyph.some((g) => g > 0x2800)).toBe(true);
    }
  });
});

describe("gridToAnsi", () => {
  const grid = drawPanel(
    frame([line("a", [99])], { state: "crit" }, { kind: "bar" }),
    { width: 30, height: 3 },
    { symbols: "ascii" },
  );

  it("keeps bold without colour, so a state shows under NO_COLOR", () => {
    const rows = gridToAnsi(grid, { theme: THEMES.default, depth: 0 });
    expect(rows[0]?.startsWith(`${ESC}[1mX`)).toBe(true);
    expect(rows.join("")).not.toMatch(new RegExp(`${ESC}\\[[0-9;]*[349]\\d`));
  });
  it.each([16, 256] as const)("ends every row in the default style at %d colours", (depth) => {
    for (const theme of Object.values(THEMES)) {
      for (const row of gridToAnsi(grid, { theme, depth })) {
        expect(row.lastIndexOf("\u001b[0m")).toBeGreaterThanOrEqual(row.search(new RegExp(`${ESC}\\[(?!0m)`)));
        expect(row.replaceAll(new RegExp(`${ESC}\\[[0-9;]*m`, "g"), "")).toHaveLength(30);
      }
    }
  });
  it("uses no entry beyond the palette at 16 colours", () => {
    for (const theme of Object.values(THEMES)) {
      expect(gridToAnsi(grid, { theme, depth: 16 }).join("")).not.toContain(";5;");
    }
    expect(THEMES.dark.looks).toHaveLength(Object.keys(STYLE).length);
  });
});
