/** What each node of a query cost, for `opsmon query --explain`; costs nothing when not asked for. */
import type { Clock } from "../base/clock.ts";
import type { Expr } from "./ast.ts";
import { type Block, countPresent } from "./block.ts";
import type { ExplainNode } from "./options.ts";
import { printExpr } from "./print.ts";
import type { ReadStats } from "./select.ts";

interface Frame {
  readonly children: ExplainNode[];
  childMs: number;
  childRead: number;
}

export class Explain {
  readonly #clock: Clock | undefined;
  readonly #stats: ReadStats;
  readonly #stack: Frame[] = [{ children: [], childMs: 0, childRead: 0 }];

  /** @param clock undefined to collect nothing. */
  constructor(clock: Clock | undefined, stats: ReadStats) {
    this.#clock = clock;
    this.#stats = stats;
  }

  /** Whether anything is collected. */
  get active(): boolean {
    return this.#clock !== undefined;
  }

  /** Runs one node's evaluation and notes it below the node that is running now. */
  async measure(expr: Expr, note: string, run: () => Promise<Block>): Promise<Block> {
    const clock = this.#clock;
    if (clock === undefined) return run();
    const frame: Frame = { children: [], childMs: 0, childRead: 0 };
    const parent = this.#stack.at(-1) as Frame;
    this.#stack.push(frame);
    const startMs = clock.monotonic();
    const startRead = this.#stats.samplesRead;
    try {
      const block = await run();
      const totalMs = clock.monotonic() - startMs;
      const read = this.#stats.samplesRead - startRead;
      parent.childMs += totalMs;
      parent.childRead += read;
      parent.children.push({
        expr: printExpr(expr),
        kind: expr.kind,
        series: block.kind === "vector" ? block.labels.length : 0,
        samples: countPresent(block),
        read: read - frame.childRead,
        selfMs: totalMs - frame.childMs,
        totalMs,
        note,
        children: frame.children,
      });
      return block;
    } finally {
      this.#stack.pop();
    }
  }

  /** The outermost node, once it has been evaluated. */
  get root(): ExplainNode | undefined {
    return this.#stack[0]?.children[0];
  }
}
