/** All functions of the language by name: one line for each family. */
import { ABSENT } from "./absent.ts";
import type { FunctionDef } from "./define.ts";
import { HISTOGRAM } from "./histogram.ts";
import { INFO } from "./info.ts";
import { LABELS } from "./labels.ts";
import { MATH } from "./math.ts";
import { OVER_TIME } from "./over-time.ts";
import { RATE } from "./rate.ts";
import { REGRESSION } from "./regression.ts";
import { SCALAR } from "./scalar.ts";
import { SORT } from "./sort.ts";
import { TIME } from "./time.ts";

const FAMILIES: readonly (readonly FunctionDef[])[] = [
  ABSENT,
  HISTOGRAM,
  INFO,
  LABELS,
  MATH,
  OVER_TIME,
  RATE,
  REGRESSION,
  SCALAR,
  SORT,
  TIME,
];

export const FUNCTIONS: ReadonlyMap<string, FunctionDef> = new Map(FAMILIES.flat().map((def) => [def.name, def]));
