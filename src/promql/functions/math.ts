/** Arithmetic and trigonometry, value by value. */
import { define, type FunctionDef, mapFunction } from "./define.ts";

/** As Go's math.Min and Max: an infinity in the deciding direction wins over NaN. */
function goMin(a: number, b: number): number {
  return a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : Math.min(a, b);
}
function goMax(a: number, b: number): number {
  return a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : Math.max(a, b);
}

function clamp(value: number, params: Float64Array): number | undefined {
  const [min = Number.NaN, max = Number.NaN] = params;
  return max < min ? undefined : goMax(min, goMin(max, value));
}

/** Halves round up, to the nearest multiple; through the inverse, which keeps 0.1 exact enough. */
function round(value: number, params: Float64Array): number {
  const inverse = 1 / (params[0] ?? 1);
  return Math.floor(value * inverse + 0.5) / inverse;
}

export const MATH: readonly FunctionDef[] = [
  mapFunction("abs", Math.abs),
  mapFunction("ceil", Math.ceil),
  mapFunction("floor", Math.floor),
  mapFunction("exp", Math.exp),
  mapFunction("sqrt", Math.sqrt),
  mapFunction("ln", Math.log),
  mapFunction("log2", Math.log2),
  mapFunction("log10", Math.log10),
  mapFunction("sgn", (v) => (v < 0 ? -1 : v > 0 ? 1 : v)),
  mapFunction("acos", Math.acos),
  mapFunction("acosh", Math.acosh),
  mapFunction("asin", Math.asin),
  mapFunction("asinh", Math.asinh),
  mapFunction("atan", Math.atan),
  mapFunction("atanh", Math.atanh),
  mapFunction("cos", Math.cos),
  mapFunction("cosh", Math.cosh),
  mapFunction("sin", Math.sin),
  mapFunction("sinh", Math.sinh),
  mapFunction("tan", Math.tan),
  mapFunction("tanh", Math.tanh),
  mapFunction("deg", (v) => (v * 180) / Math.PI),
  mapFunction("rad", (v) => (v * Math.PI) / 180),
  define("round", ["instant vector", "scalar"], { kind: "map", apply: round }, { variadic: 1 }),
  define("clamp", ["instant vector", "scalar", "scalar"], { kind: "map", apply: clamp }),
  define("clamp_min", ["instant vector", "scalar"], { kind: "map", apply: (v, [min = Number.NaN]) => goMax(min, v) }),
  define("clamp_max", ["instant vector", "scalar"], { kind: "map", apply: (v, [max = Number.NaN]) => goMin(max, v) }),
];
