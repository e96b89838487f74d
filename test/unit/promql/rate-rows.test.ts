/** `rate` of whole rows against `rate` of one window: the same number to the last bit, whatever the samples are. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Implementation } from "../../../src/promql/functions/define.ts";
import { FUNCTIONS } from "../../../src/promql/functions/registry.ts";
import { findWindows, type RangeVector } from "../../../src/promql/range.ts";

const gaps = fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 40 });
const sample = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 2, arbitrary: fc.double({ min: -10, max: 1_000, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, 1e308, 5e-324) },
);

it.each(["rate", "increase", "delta"])("%s", (name) => {
  const implementation = FUNCTIONS.get(name)?.implementation as Implementation & { readonly kind: "range" };
  fc.assert(
    fc.property(
      gaps,
      fc.array(sample, { minLength: 40, maxLength: 40 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 300_000 }),
      (between, values, rising, rangeMs) => {
        let now = 0;
        const t = Float64Array.from(between, (gap) => (now += gap));
        let sum = 0;
        const v = Float64Array.from(t, (_, i) => (rising ? (sum += values[i] as number) : (values[i] as number)));
        const column = { t, v, from: 0, to: t.length, stale: undefined };
        const steps = 12;
        const times = { startMs: 10_000, stepMs: 30_000, endMs: 340_000 };
        const range = { rangeMs, times, steps } as RangeVector;
        const windows = findWindows(column, range);
        const got = new Float64Array(steps).fill(7);
        const present = new Uint8Array(steps);
        const answered = implementation.rows?.(t, windows, range)(v, 0, t.length, got, present, 0);
        const wanted = Array.from(windows.lo, (lo, step) => {
          const hi = windows.hi[step] as number;
          const endMs = times.startMs + step * times.stepMs;
          const ends = { startMs: endMs - rangeMs, endMs, evalMs: endMs };
          return lo === hi
            ? undefined
            : implementation.kernel({ t, v, weights: undefined, lo, hi, ...ends, params: new Float64Array(0) });
        });
        expect(Array.from(got, (value, step) => (present[step] === 1 ? value : undefined))).toEqual(wanted);
        expect(answered).toBe(wanted.some((value) => value !== undefined));
      },
    ),
    {
      numRuns: 400,
      // Denormals, whose products round by any share of themselves.
      examples: [[[1, 35_140, 17_743], [5e-324, 0, 3.5e-323, ...Array.from({ length: 37 }, () => 0)], true, 67_394]],
    },
  );
});
