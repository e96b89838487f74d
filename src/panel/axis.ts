/**
 * Axis ends. Data ends in, round ends out: a person reads "0 to 50 %" faster than "0 to 47.3 %". `createAxisMemory`
 * adds hysteresis between frames: an axis grows at once and shrinks only after several calm frames, so that a chart
 * does not breathe with every sample.
 */
import type { PanelFrame } from "./frame.ts";

export interface AxisRange {
  readonly min: number;
  readonly max: number;
}

export interface AxisMemory {
  /** The frame with a settled axis; `key` is one chart on one screen. */
  settle(key: string, frame: PanelFrame): PanelFrame;
  /** Forgets everything, e.g. when the span changes. */
  clear(): void;
}

/** Frames an axis must fit into a smaller range before it shrinks. */
const CALM_FRAMES = 3;
/** More charts than any screen holds; the oldest is forgotten beyond. */
const CHARTS_MAX = 512;
/** Beyond this an axis cannot be computed without overflow. */
const VALUE_MAX = 1e300;
const STEPS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10] as const;

/** The next round number at or above `v`, e.g. 47.3 gives 50, 0.0123 gives 0.015; 1 for 0 and for nonsense. */
export function niceCeil(v: number): number {
  if (!(v > 0)) return 1;
  if (v >= VALUE_MAX) return VALUE_MAX;
  // Below this even the tick between two marks would be a subnormal number.
  if (v < 1e-300) return 1e-300;
  const power = 10 ** Math.floor(Math.log10(v));
  for (const step of STEPS) if (step * power >= v * (1 - 1e-9)) return step * power;
  return 10 * power;
}

/** As `niceCeil`, in powers of two, so that an axis of bytes reads 512M and 2G. */
export function niceCeilBinary(v: number): number {
  if (!(v > 0)) return 1;
  if (v >= VALUE_MAX) return VALUE_MAX;
  if (v <= 1) return 1;
  const power = 1024 ** Math.floor(Math.log2(v) / 10);
  for (const step of [1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]) {
    if (step * power >= v) return step * power;
  }
  return 1024 * power;
}

/** Round ends for these data ends; a fixed minimum always wins, a fixed maximum as long as the data fits. Always finite and min < max. */
export function axisRange(
  low: number,
  high: number,
  fixed: { readonly min?: number | undefined; readonly max?: number | undefined; readonly binary?: boolean },
): AxisRange {
  const ceil = fixed.binary === true ? niceCeilBinary : niceCeil;
  const lo = clampFinite(low, 0);
  const hi = clampFinite(high, 0);
  const fixedMin = clampFinite(fixed.min ?? Number.NaN, Number.NaN);
  const fixedMax = clampFinite(fixed.max ?? Number.NaN, Number.NaN);
  // A value under a declared floor is jitter between two clocks (a CPU idle for 100.1 %), not a reason to move it.
  const min = Number.isNaN(fixedMin) ? (lo < 0 ? -ceil(-lo) : 0) : fixedMin;
  const wanted = fixedMax >= hi ? fixedMax : hi <= 0 && min < 0 ? 0 : ceil(hi);
  return { min, max: wanted > min ? wanted : min + Math.max(1, Math.abs(min) * 0.1) };
}

function clampFinite(v: number, otherwise: number): number {
  return Number.isFinite(v) ? Math.max(-VALUE_MAX, Math.min(VALUE_MAX, v)) : otherwise;
}

export function createAxisMemory(): AxisMemory {
  const kept = new Map<string, { min: number; max: number; calm: number }>();
  return {
    settle(key, frame) {
      const old = kept.get(key);
      const fits = old !== undefined && frame.max <= old.max && frame.min >= old.min;
      if (!fits || (frame.max === old.max && frame.min === old.min)) {
        kept.delete(key);
        kept.set(key, { min: frame.min, max: frame.max, calm: 0 });
        if (kept.size > CHARTS_MAX) kept.delete(kept.keys().next().value as string);
        return frame;
      }
      old.calm += 1;
      if (old.calm >= CALM_FRAMES) {
        kept.set(key, { min: frame.min, max: frame.max, calm: 0 });
        return frame;
      }
      return { ...frame, min: old.min, max: old.max };
    },
    clear() {
      kept.clear();
    },
  };
}
