/** `match[]` parameters: series selectors without offsets or ranges. */
import { UserError } from "../base/errors.ts";
import type { Matcher } from "../model/matcher.ts";
import { parseExpr } from "../promql/parse.ts";

/** Selectors one request may carry. */
const SELECTORS_MAX = 1_000;

/** @throws UserError `bad-parameter` naming the selector that is not one. */
export function parseSelectors(texts: readonly string[], parameter = "match[]"): readonly (readonly Matcher[])[] {
  if (texts.length > SELECTORS_MAX) {
    throw new UserError(
      "bad-parameter",
      `invalid parameter "${parameter}": ${texts.length} selectors, at most ${SELECTORS_MAX}`,
    );
  }
  return texts.map((text) => {
    let parsed: ReturnType<typeof parseExpr>;
    try {
      parsed = parseExpr(text);
    } catch (error) {
      if (error instanceof UserError)
        throw new UserError("bad-parameter", `invalid parameter "${parameter}": ${error.message}`, { cause: error });
      throw error;
    }
    if (parsed.kind !== "selector") {
      throw new UserError(
        "bad-parameter",
        `invalid parameter "${parameter}": ${JSON.stringify(text)} is not a series selector`,
      );
    }
    const modifier = parsed.offset !== undefined ? "offset" : parsed.at !== undefined ? "@" : undefined;
    if (modifier !== undefined) {
      throw new UserError("bad-parameter", `invalid parameter "${parameter}": parse error: unexpected <${modifier}>`);
    }
    return parsed.matchers;
  });
}
