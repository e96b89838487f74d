/** Whether each step's answer depends on that step alone, so that a later query with another window can reuse it. */
import { type DurationExpr, type Expr, walk } from "./ast.ts";

/** Functions that tell about the query's own window. */
const OF_THE_QUERY: ReadonlySet<string> = new Set(["start", "end", "range"]);

const known = new WeakMap<Expr, boolean>();

export function isCacheable(expr: Expr): boolean {
  let answer = known.get(expr);
  if (answer === undefined) {
    answer = decide(expr);
    known.set(expr, answer);
  }
  return answer;
}

function decide(expr: Expr): boolean {
  let fine = true;
  walk(expr, (node) => {
    if (node.kind === "call" && OF_THE_QUERY.has(node.func)) fine = false;
    if (node.kind === "selector" || node.kind === "subquery") {
      if (node.kind === "selector" && node.extended === "smoothed") fine = false;
      // A pinned time may lie in the part that still changes; looking ahead surely does.
      if (node.at !== undefined || (node.offset !== undefined && !looksBack(node.offset))) fine = false;
    }
    if ((node.kind === "matrix" || node.kind === "subquery") && node.range.kind !== "duration") fine = false;
    if (node.kind === "subquery" && node.step !== undefined && node.step.kind !== "duration") fine = false;
  });
  return fine;
}

function looksBack(offset: DurationExpr): boolean {
  return offset.kind === "duration" && offset.ms >= 0;
}
