/** Text in, checked expression tree out. */
import { UserError } from "../base/errors.ts";
import type { Expr } from "./ast.ts";

export interface ParseOptions {
  /** Feature names as Prometheus spells them. */
  readonly features?: ReadonlySet<string>;
}

/** @throws UserError `promql-parse` with `line:column: parse error: …`, exit 2. */
export function parseExpr(text: string, _options: ParseOptions = {}): Expr {
  throw new UserError("promql-parse", `1:1: parse error: cannot read ${JSON.stringify(text)}`, { exit: 2 });
}
