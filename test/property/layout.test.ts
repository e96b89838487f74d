/** Rectangles of every layout lie on the screen and never on each other, whatever the terminal and the view. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Layout, type LayoutWish, type Rect, solveLayout } from "../../src/ui/layout.ts";

const wish: fc.Arbitrary<LayoutWish> = fc.record({
  body: fc.constantFrom("panels", "table", "overview"),
  charts: fc.nat(30),
  numbers: fc.nat(20),
  alerts: fc.nat(60),
  healthRows: fc.nat(40),
  zoom: fc.boolean(),
  alertsLarge: fc.boolean(),
});
const size = fc.record({ width: fc.integer({ min: 20, max: 300 }), height: fc.integer({ min: 5, max: 100 }) });

function rectsOf(layout: Layout): readonly Rect[] {
  const { header, timeline, list, charts, alerts, footer } = layout;
  return [header, timeline, list, ...charts, alerts, footer].filter((rect) => rect !== undefined);
}

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe("every layout", () => {
  test("keeps its rectangles inside the screen, with room in each", () => {
    fc.assert(
      fc.property(size, wish, ({ width, height }, wants) => {
        for (const rect of rectsOf(solveLayout({ width, height }, wants))) {
          expect(rect.x).toBeGreaterThanOrEqual(0);
          expect(rect.y).toBeGreaterThanOrEqual(0);
          expect(rect.x + rect.width).toBeLessThanOrEqual(width);
          expect(rect.y + rect.height).toBeLessThanOrEqual(height);
          expect(Math.min(rect.width, rect.height)).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("puts no rectangle on another", () => {
    fc.assert(
      fc.property(size, wish, (screen, wants) => {
        const rects = rectsOf(solveLayout(screen, wants));
        rects.forEach((a, i) => {
          for (const b of rects.slice(i + 1)) expect([a, b, overlap(a, b)]).toEqual([a, b, false]);
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test("keeps an alert pane in sight from the phone up", () => {
    fc.assert(
      fc.property(size, wish, (screen, wants) => {
        const layout = solveLayout(screen, wants);
        if (layout.class === "line") return;
        expect(layout.alerts?.height).toBeGreaterThanOrEqual(3);
        expect(layout.list !== undefined || layout.charts.length > 0).toBe(true);
      }),
    );
  });

  test("leaves no hole in the screen where there is something to show", () => {
    fc.assert(
      fc.property(size, wish, (screen, wants) => {
        const layout = solveLayout(screen, wants);
        if (layout.class === "line") return;
        const area = rectsOf(layout).reduce((sum, rect) => sum + rect.width * rect.height, 0);
        expect(area).toBe(screen.width * screen.height);
      }),
      { numRuns: 5_000 },
    );
  });
});
