/** `fill(0)`, `fill_left(0)`, `fill_right(0)` after a binary operator: values for elements one side lacks. */
import { parseDuration } from "../model/duration.ts";
import { NO_FILL, type VectorMatching } from "./ast.ts";
import { parseNumber } from "./number.ts";
import type { TokenReader } from "./token-reader.ts";

/** Reads what there is; `fill` not before a parenthesis is a metric of that name. */
export function parseFill(reader: TokenReader): VectorMatching["fill"] {
  let fill = NO_FILL;
  for (;;) {
    const token = reader.peek();
    const side = token.kind;
    if (!["fill", "fill_left", "fill_right"].includes(side) || reader.peek(1).kind !== "(") return fill;
    reader.take();
    const value = parseValue(reader);
    fill = { left: side === "fill_right" ? fill.left : value, right: side === "fill_left" ? fill.right : value };
  }
}

function parseValue(reader: TokenReader): number {
  reader.take();
  const sign = reader.takeIf("-") ?? reader.takeIf("+");
  const token = reader.peek();
  if (token.kind !== "number" && token.kind !== "duration") throw reader.unexpected("fill", "number");
  reader.take();
  const value = token.kind === "number" ? parseNumber(token.text) : parseDuration(token.text) / 1000;
  if (value === undefined) throw reader.badNumber(token);
  reader.expect(")", "fill", '")"');
  return sign?.kind === "-" ? -value : value;
}
