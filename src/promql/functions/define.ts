/**
 * What a function of the language is: its signature, which the checker reads, and one of three ways to compute it.
 * A new function is an entry in its family's file; the registry takes families whole.
 */
import type { Aggregate } from "../../storage/storage.ts";
import type { Call, ExprType } from "../ast.ts";
import type { Block, Grid } from "../block.ts";
import type { EvalContext } from "../context.ts";
import type { Windows } from "../range.ts";
import type { LookTimes } from "../select.ts";

export interface FunctionSignature {
  readonly name: string;
  readonly args: readonly ExprType[];
  /** 0: exactly `args`; n > 0: the last argument comes 0 to n times; -1: any number of times. */
  readonly variadic: number;
  readonly returns: ExprType;
  /** Needs the feature `promql-experimental-functions`. */
  readonly experimental: boolean;
  /** Depends on the time of evaluation, so that `@` does not make it the same at every step. */
  readonly timeDependent: boolean;
}

/** One window of one series: samples `lo` (included) to `hi` (excluded), never empty. */
export interface Window {
  readonly t: Float64Array;
  readonly v: Float64Array;
  /** Samples behind each stored bucket, where only buckets are left. */
  readonly weights: Float64Array | undefined;
  lo: number;
  hi: number;
  /** Both ends of the window, ms; the start is excluded. */
  startMs: number;
  endMs: number;
  /** When the step is evaluated, ms; differs from `endMs` by offset and `@`. */
  evalMs: number;
  /** Scalar arguments at this step, in order, without the range. */
  readonly params: Float64Array;
}

/** @returns undefined when the window has no answer. */
export type RangeKernel = (window: Window) => number | undefined;

/**
 * All windows of one series: samples `from` (included) to `to` (excluded) of `v` in, values and presence of all steps
 * out, from `base` on; cells without an answer are left alone.
 *
 * @returns whether any step has an answer.
 */
export type RowKernel = (
  v: Float64Array,
  from: number,
  to: number,
  values: Float64Array,
  present: Uint8Array,
  base: number,
) => boolean;

/** Prepares what follows from the times of samples and windows alone. */
export type RowKernelMaker = (
  t: Float64Array,
  windows: Windows,
  range: { readonly rangeMs: number; readonly times: LookTimes; readonly steps: number },
) => RowKernel;

export type Implementation =
  /** Each value on its own; scalar arguments are columns. Drops the name. */
  | { readonly kind: "map"; readonly apply: (value: number, params: Float64Array) => number | undefined }
  /** Each window on its own. */
  | {
      readonly kind: "range";
      readonly kernel: RangeKernel;
      readonly keepsName?: boolean;
      /** Answers all windows of a series at once, to the last bit as the kernel would. */
      readonly rows?: RowKernelMaker;
      /** The stored aggregate that answers for raw samples where only buckets are left. */
      readonly tier?: Aggregate;
      /** Replaces the kernel on stored buckets. */
      readonly tierKernel?: RangeKernel;
      /** A second aggregate the tier kernel weighs by. */
      readonly tierWeights?: Aggregate;
      /** Says what a reader should know about the arguments; called once per series with an answer. */
      readonly remark?: (call: Call, metric: string, ctx: EvalContext) => void;
      /** Called once, when there are series, with the scalar arguments, a column each. */
      readonly checkParams?: (call: Call, params: readonly Float64Array[], ctx: EvalContext) => void;
    }
  | { readonly kind: "custom"; readonly evaluate: (call: Call, grid: Grid, ctx: EvalContext) => Promise<Block> };

export interface FunctionDef extends FunctionSignature {
  readonly implementation: Implementation;
}

interface Traits {
  readonly variadic?: number;
  readonly experimental?: boolean;
  readonly timeDependent?: boolean;
  readonly returns?: ExprType;
}

export function define(
  name: string,
  args: readonly ExprType[],
  implementation: Implementation,
  traits: Traits = {},
): FunctionDef {
  return {
    name,
    args,
    implementation,
    variadic: traits.variadic ?? 0,
    returns: traits.returns ?? "instant vector",
    experimental: traits.experimental ?? false,
    timeDependent: traits.timeDependent ?? false,
  };
}

/** `f(instant vector)`, value by value. */
export function mapFunction(name: string, apply: (value: number) => number): FunctionDef {
  return define(name, ["instant vector"], { kind: "map", apply });
}

/** `f(range vector)`, window by window. */
export function rangeFunction(
  name: string,
  kernel: RangeKernel,
  options: {
    readonly tier?: Aggregate;
    readonly keepsName?: boolean;
    readonly experimental?: boolean;
    readonly rows?: RowKernelMaker;
  } = {},
): FunctionDef {
  const implementation: Implementation = {
    kind: "range",
    kernel,
    ...(options.tier === undefined ? {} : { tier: options.tier }),
    ...(options.rows === undefined ? {} : { rows: options.rows }),
    ...(options.keepsName === undefined ? {} : { keepsName: options.keepsName }),
  };
  return define(name, ["range vector"], implementation, { experimental: options.experimental ?? false });
}

/** A function of whole vectors. */
export function customFunction(
  name: string,
  args: readonly ExprType[],
  evaluate: (call: Call, grid: Grid, ctx: EvalContext) => Promise<Block>,
  traits: Traits = {},
): FunctionDef {
  return define(name, args, { kind: "custom", evaluate }, traits);
}
