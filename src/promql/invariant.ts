/** Which expressions have the same value at every step: those whose times `@` fixes, free of the evaluation time. */
import { children, type Expr } from "./ast.ts";
import { FUNCTIONS } from "./functions/registry.ts";

const known = new WeakMap<Expr, boolean>();

export function isStepInvariant(expr: Expr): boolean {
  let answer = known.get(expr);
  if (answer === undefined) {
    answer = decide(expr);
    known.set(expr, answer);
  }
  return answer;
}

function decide(expr: Expr): boolean {
  if (expr.kind === "selector" || expr.kind === "subquery") return expr.at !== undefined;
  if (expr.kind === "call" && FUNCTIONS.get(expr.func)?.timeDependent === true) return false;
  return children(expr).every(isStepInvariant);
}
