/**
 * Operators between two vectors: elements meet where their matching labels agree. Signatures are computed once a
 * series; the loops over steps then only see row numbers.
 */
import type { Labels } from "../model/labels.ts";
import type { ArithmeticOp, ComparisonOp, SetOp, VectorMatching } from "./ast.ts";
import type { BlockBuilder, VectorBlock } from "./block.ts";
import { type EvalContext, executionError } from "./context.ts";
import { elementwise, isComparison } from "./operators.ts";
import { dropMetadata, keepOnly, keepWithout, type Projection } from "./projection.ts";
import { labelSetText } from "./print.ts";

type Signatures = ReadonlyMap<string, readonly number[]>;

/** A signature costs about as much as so many samples. */
const WORK_PER_SIGNATURE = 16;

/** What both sides of a match must agree on. */
function group(matching: VectorMatching): Projection {
  return matching.on ? keepOnly(matching.labels) : keepWithout(matching.labels);
}

async function bySignature(block: VectorBlock, matching: VectorMatching, ctx: EvalContext): Promise<Signatures> {
  const of = group(matching);
  const rows = new Map<string, number[]>();
  for (const [row, labels] of block.labels.entries()) {
    if (ctx.due(WORK_PER_SIGNATURE)) await ctx.pause();
    const { key } = of(labels);
    const known = rows.get(key);
    if (known === undefined) rows.set(key, [row]);
    else known.push(row);
  }
  return rows;
}

/** `and`, `or`, `unless`, step by step; elements keep their labels and values. */
export async function setOp(
  op: SetOp,
  left: VectorBlock,
  right: VectorBlock,
  matching: VectorMatching,
  ctx: EvalContext,
): Promise<VectorBlock> {
  if (op === "or") return ctx.distinct(concat(left, await filterBy(right, left, matching, false, ctx), ctx));
  return filterBy(left, right, matching, op === "and", ctx);
}

/** Elements of `block` whose signature is (or is not) present in `other` at the same step. */
async function filterBy(
  block: VectorBlock,
  other: VectorBlock,
  matching: VectorMatching,
  wanted: boolean,
  ctx: EvalContext,
): Promise<VectorBlock> {
  const { steps } = block;
  const others = await bySignature(other, matching, ctx);
  ctx.hold(block.present.length / 8);
  const present = new Uint8Array(block.present);
  for (const [key, rows] of await bySignature(block, matching, ctx)) {
    const partners = others.get(key);
    if (partners === undefined && !wanted) continue;
    const seen = new Uint8Array(steps);
    for (const partner of partners ?? []) {
      if (ctx.due(steps)) await ctx.pause();
      for (let step = 0; step < steps; step++) if (other.present[partner * steps + step] === 1) seen[step] = 1;
    }
    const keep = wanted ? 1 : 0;
    for (const row of rows) {
      if (ctx.due(steps)) await ctx.pause();
      for (let step = 0; step < steps; step++) if (seen[step] !== keep) present[row * steps + step] = 0;
    }
  }
  return { ...block, ordered: false, present };
}

function concat(a: VectorBlock, b: VectorBlock, ctx: EvalContext): VectorBlock {
  const { values, present } = ctx.columns(a.labels.length + b.labels.length, a.steps);
  values.set(a.values);
  values.set(b.values, a.values.length);
  present.set(a.present);
  present.set(b.present, a.present.length);
  const dropName = new Uint8Array(a.labels.length + b.labels.length);
  if (a.dropName !== undefined) dropName.set(a.dropName);
  if (b.dropName !== undefined) dropName.set(b.dropName, a.labels.length);
  return { kind: "vector", steps: a.steps, labels: [...a.labels, ...b.labels], dropName, values, present };
}

/** Arithmetic and comparisons, one to one or many to one. */
export function matchOp(
  op: ArithmeticOp | ComparisonOp,
  bool: boolean,
  left: VectorBlock,
  right: VectorBlock,
  matching: VectorMatching,
  ctx: EvalContext,
): Promise<VectorBlock> {
  return new Matcher(op, bool, left, right, matching, ctx).run();
}

class Matcher {
  readonly #matching: VectorMatching;
  readonly #ctx: EvalContext;
  readonly #many: VectorBlock;
  readonly #one: VectorBlock;
  readonly #swapped: boolean;
  readonly #apply: (a: number, b: number) => number | undefined;
  readonly #bool: boolean;
  readonly #dropsName: boolean;
  /** A bool comparison's names go away like a function's: late, if names are removed late. */
  readonly #marksName: boolean;
  readonly #out: BlockBuilder;
  readonly #steps: number;
  readonly #fillMany: number | undefined;
  readonly #fillOne: number | undefined;

  constructor(
    op: ArithmeticOp | ComparisonOp,
    bool: boolean,
    left: VectorBlock,
    right: VectorBlock,
    matching: VectorMatching,
    ctx: EvalContext,
  ) {
    this.#matching = matching;
    this.#ctx = ctx;
    this.#swapped = matching.card === "one-to-many";
    this.#many = this.#swapped ? right : left;
    this.#one = this.#swapped ? left : right;
    this.#apply = elementwise(op, bool);
    this.#bool = bool;
    this.#dropsName = !isComparison(op) || (bool && !ctx.delayedNames);
    this.#marksName = bool && ctx.delayedNames;
    this.#out = ctx.builder(left.steps);
    this.#steps = left.steps;
    // As Prometheus has it, fill_left fills the "many" side of a grouped match, also where that is on the right.
    this.#fillMany = matching.fill.left;
    this.#fillOne = matching.fill.right;
  }

  async run(): Promise<VectorBlock> {
    const ones = await bySignature(this.#one, this.#matching, this.#ctx);
    const manys = await bySignature(this.#many, this.#matching, this.#ctx);
    await this.#checkOneSide(ones);
    for (const [key, rows] of manys) {
      const partners = ones.get(key) ?? [];
      if (partners.length === 0 && this.#fillOne === undefined) continue;
      const matched = this.#matching.card === "one-to-one" && rows.length > 1 ? new Uint8Array(this.#steps) : undefined;
      for (const row of rows) {
        if (this.#ctx.due(this.#steps)) await this.#ctx.pause();
        for (const partner of partners) this.#pair(row, partner, matched);
        if (this.#fillOne !== undefined) this.#fill(row, this.#many, partners, this.#one, this.#fillOne);
      }
      this.#ctx.checkSeries(this.#out.size);
    }
    if (this.#fillMany !== undefined) await this.#fillManySide(ones, manys, this.#fillMany);
    return this.#out.finish();
  }

  async #fillManySide(ones: Signatures, manys: Signatures, value: number): Promise<void> {
    for (const [key, rows] of ones) {
      for (const row of rows) {
        if (this.#ctx.due(this.#steps)) await this.#ctx.pause();
        this.#fill(row, this.#one, manys.get(key) ?? [], this.#many, value);
      }
    }
  }

  /** Computes with `value` at the steps where `row` has no partner at all. */
  #fill(row: number, block: VectorBlock, partners: readonly number[], other: VectorBlock, value: number): void {
    const steps = this.#steps;
    // The element made up has the labels both sides agree on.
    const made = group(this.#matching)(block.labels[row] as Labels);
    const fillsMany = block === this.#one;
    let target = -1;
    for (let step = 0; step < steps; step++) {
      if (block.present[row * steps + step] === 0) continue;
      if (partners.some((partner) => other.present[partner * steps + step] === 1)) continue;
      const real = block.values[row * steps + step] as number;
      const [a, b] = fillsMany === this.#swapped ? [real, value] : [value, real];
      const result = this.#apply(a, b);
      if (result === undefined) continue;
      if (target < 0) {
        const labels = block.labels[row] as Labels;
        target = fillsMany ? this.#row(made, labels, false) : this.#row(labels, made, block.dropName?.[row] === 1);
      }
      if (!this.#out.set(target, step, result)) {
        throw executionError("multiple matches for labels: grouping labels must ensure unique matches");
      }
    }
  }

  /** Two elements of the "one" side with one signature at one step cannot both be the partner. */
  async #checkOneSide(ones: Signatures): Promise<void> {
    const steps = this.#steps;
    let someMany: Uint8Array | undefined;
    for (const [, rows] of ones) {
      if (rows.length < 2) continue;
      someMany ??= this.#fillMany === undefined ? anyPresent(this.#many) : new Uint8Array(steps).fill(1);
      const holder = new Int32Array(steps).fill(-1);
      for (const row of rows) {
        if (this.#ctx.due(steps)) await this.#ctx.pause();
        for (let step = 0; step < steps; step++) {
          if (this.#one.present[row * steps + step] === 0 || someMany[step] === 0) continue;
          if (holder[step] !== -1) throw this.#duplicate(row, holder[step] as number);
          holder[step] = row;
        }
      }
    }
  }

  #duplicate(row: number, other: number): Error {
    const [a, b] = [row, other].map((r) => this.#one.labels[r] as Labels) as [Labels, Labels];
    const agreed = group(this.#matching)(a);
    const side = this.#swapped ? "left" : "right";
    return executionError(
      `found duplicate series for the match group ${labelSetText(agreed)} on the ${side} hand-side of the operation: ` +
        `[${labelSetText(a)}, ${labelSetText(b)}];many-to-many matching not allowed: matching labels must be unique on one side`,
      `add labels to on(…), or aggregate the ${side} side first, e.g. sum by (…) (…)`,
    );
  }

  #pair(row: number, partner: number, matched: Uint8Array | undefined): void {
    const steps = this.#steps;
    const many = this.#many;
    const one = this.#one;
    let target = -1;
    for (let step = 0; step < steps; step++) {
      const cell = row * steps + step;
      const other = partner * steps + step;
      if (many.present[cell] === 0 || one.present[other] === 0) continue;
      if (matched !== undefined) {
        if (matched[step] === 1) {
          throw executionError(
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
          );
        }
        matched[step] = 1;
      }
      const a = many.values[cell] as number;
      const b = one.values[other] as number;
      const value = this.#swapped ? this.#apply(b, a) : this.#apply(a, b);
      if (value === undefined) continue;
      if (target < 0) {
        const drop = many.dropName?.[row] === 1;
        target = this.#row(many.labels[row] as Labels, one.labels[partner] as Labels, drop);
      }
      if (!this.#out.set(target, step, value)) {
        throw executionError(
          this.#matching.card === "one-to-one"
            ? "vector cannot contain metrics with the same labelset"
            : "multiple matches for labels: grouping labels must ensure unique matches",
        );
      }
    }
  }

  #row(many: Labels, one: Labels, dropName: boolean): number {
    const { card, on, labels: names, include } = this.#matching;
    let labels = this.#dropsName ? dropMetadata(many) : many;
    if (card === "one-to-one") labels = on ? keepOnly(names)(labels) : labels.without(...names);
    if (include.length > 0) {
      labels = labels.with(Object.fromEntries(include.map((name) => [name, one.get(name)])));
      // A truth value has no name, not even one that was asked for.
      if (this.#bool && this.#dropsName) labels = dropMetadata(labels);
    }
    return this.#out.row(labels, this.#marksName || dropName);
  }
}

function anyPresent({ present, steps }: VectorBlock): Uint8Array {
  const any = new Uint8Array(steps);
  for (let base = 0; base < present.length; base += steps) {
    for (let step = 0; step < steps; step++) if (present[base + step] === 1) any[step] = 1;
  }
  return any;
}
