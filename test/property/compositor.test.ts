/** Whatever frames, charts and resizes come, the terminal shows exactly the last frame and nothing of data drives it. */
import headless from "@xterm/headless";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { manualClock } from "../../src/base/clock.ts";
import type { CellGrid } from "../../src/draw/cell.ts";
import { cellsToText, composeCells, createInk, type Overlay } from "../../src/ui/cells.ts";
import { createCompositor } from "../../src/ui/compositor.ts";
import { fakeTty } from "../support/fake-tty.ts";

const SGR = ["", "1", "31", "1;38;5;203", "7", "38;2;1;2;3", "2", "4;44"];
const sgr = (style: number): string => SGR[style % SGR.length] as string;

/** Letters of one and two columns, marks, box drawing and braille. */
const glyphs = fc.constantFrom("a", "b", " ", " ", " ", "─", "⣿", "│", "é", "漢", "語", "e\u0301", "…");
const styled = fc.record({
  code: fc.constantFrom(...SGR),
  text: fc.array(glyphs, { maxLength: 12 }).map((g) => g.join("")),
});
const row = fc
  .array(styled, { maxLength: 5 })
  .map((parts) => parts.map(({ code, text }) => `\u001b[${code}m${text}\u001b[0m`).join(""));
// A blank at the end: ink's frames are never without a cell.
const frame = fc.array(row, { maxLength: 9 }).map((rows) => `${rows.join("\n")} `);

const grid = fc
  .record({ width: fc.integer({ min: 1, max: 8 }), height: fc.integer({ min: 1, max: 4 }), seed: fc.nat(1_000) })
  .map(({ width, height, seed }): CellGrid => {
    const points = [0x20, 0x2588, 0x28ff, 0x41, 0x2500];
    const glyph = Uint32Array.from(
      { length: width * height },
      (_, i) => points[(i * 7 + seed) % points.length] as number,
    );
    const style = Uint16Array.from({ length: width * height }, (_, i) => (i + seed) % SGR.length);
    return { width, height, glyph, style };
  });
const overlay: fc.Arbitrary<Overlay> = fc.record({
  x: fc.integer({ min: -3, max: 30 }),
  y: fc.integer({ min: -2, max: 10 }),
  grid,
});
type Action =
  | { readonly kind: "frame"; readonly text: string; readonly overlays: readonly Overlay[] }
  | { readonly kind: "resize"; readonly width: number; readonly height: number }
  | { readonly kind: "stall" }
  | { readonly kind: "release" };
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("frame" as const),
      text: frame,
      overlays: fc.array(overlay, { maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("resize" as const),
      width: fc.integer({ min: 5, max: 40 }),
      height: fc.integer({ min: 2, max: 12 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "stall" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "release" as const }) },
);

/** A fresh terminal that is sent one whole frame: what the screen must look like. */
async function drawnOnce(
  text: string,
  overlays: readonly Overlay[],
  width: number,
  height: number,
): Promise<readonly string[]> {
  const ink = createInk();
  const cells = composeCells(text, overlays, { width, height }, { ink, sgr });
  return cellsToText(cells, ink).split("\n");
}

describe("the compositor", () => {
  test("shows exactly the last frame after any sequence of frames, resizes and stalls", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 14 }), async (actions) => {
        const tty = fakeTty(24, 8);
        const clock = manualClock(0);
        const compositor = createCompositor(tty.stdout, { clock, sgr });
        tty.stdout.write("\u001b[?7l");
        let text = "";
        let overlays: readonly Overlay[] = [];
        let size = { width: 24, height: 8 };
        for (const step of actions) {
          if (step.kind === "frame") {
            ({ text, overlays } = step);
            compositor.stream.write(text);
            compositor.overlay(overlays);
            compositor.present();
          } else if (step.kind === "resize") {
            size = { width: step.width, height: step.height };
            tty.resize(step.width, step.height);
            compositor.invalidate();
            compositor.present();
          } else if (step.kind === "stall") tty.stall();
          else tty.release();
        }
        tty.release();
        compositor.present();
        await clock.advance(200);
        const shown = await tty.screen();
        expect(shown.map((line) => line.trimEnd())).toEqual(await drawnOnce(text, overlays, size.width, size.height));
      }),
      { numRuns: 150 },
    );
  });

  test("a glyph whose width the terminal counts differently spoils its own cell only", async () => {
    const tty = fakeTty(12, 1);
    const compositor = createCompositor(tty.stdout, { clock: manualClock(0), sgr });
    compositor.stream.write("🚀ab│cd");
    compositor.present();
    // This xterm counts the rocket as one column; what follows still stands where it belongs.
    expect((await tty.screen())[0]?.slice(-5)).toBe("ab│cd");
    expect((await tty.screen())[0]?.replace("🚀", "r")).toBe("r ab│cd");
  });

  test("sends nothing for a frame that is already shown", () => {
    fc.assert(
      fc.property(frame, fc.array(overlay, { maxLength: 2 }), (text, overlays) => {
        const tty = fakeTty(24, 8);
        const compositor = createCompositor(tty.stdout, { clock: manualClock(0), sgr });
        compositor.stream.write(text);
        compositor.overlay(overlays);
        compositor.present();
        const sent = tty.raw.length;
        compositor.present();
        expect(tty.raw.length).toBe(sent);
      }),
      { numRuns: 50 },
    );
  });

  test("lets no control sequence through but its own", () => {
    const nasty = fc
      .array(fc.constantFrom("\u001b", "[", "]", "2J", "52;c;AA", "\u0007", "\u009b", "c", "8;1;1t", "\r", "\b", "x"), {
        maxLength: 30,
      })
      .map((parts) => parts.join(""));
    // oxlint-disable-next-line no-control-regex
    const own = /\u001b\[(?:[\d;]*[mHCK]|\?2026[hl]|2J)/g;
    fc.assert(
      fc.property(fc.array(nasty, { maxLength: 4 }), (rows) => {
        const tty = fakeTty(40, 8);
        const compositor = createCompositor(tty.stdout, { clock: manualClock(0), sgr });
        compositor.stream.write(`.${rows.join("\n")}`);
        compositor.present();
        // oxlint-disable-next-line no-control-regex
        expect(tty.raw.replace(own, "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });

  test("a style changes what a cell looks like, not only its letter", async () => {
    const terminal = new headless.Terminal({ cols: 10, rows: 1, allowProposedApi: true });
    const tty = fakeTty(10, 1);
    const compositor = createCompositor(tty.stdout, { clock: manualClock(0), sgr });
    for (const text of ["\u001b[31mab\u001b[0m", "\u001b[1;31ma\u001b[0mb", "a\u001b[7mb\u001b[0m"]) {
      compositor.stream.write(text);
      compositor.present();
    }
    await new Promise<void>((resolve) => terminal.write(tty.raw, resolve));
    const cell = (x: number) => terminal.buffer.active.getLine(0)?.getCell(x);
    expect(cell(0)?.isBold()).toBe(0);
    expect(cell(0)?.isFgDefault()).toBe(true);
    expect(cell(1)?.isInverse()).not.toBe(0);
  });
});
