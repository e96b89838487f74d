/** A page of metrics and what is wrong with it; whether it is OpenMetrics shows by its last line. */
import { LINTS, type Lint, type LintReport, lintPage } from "../exposition/lint.ts";
import { parsePage } from "../exposition/parse.ts";
import { UserError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";

export type { LintReport };

const OPENMETRICS_END = /(?:^|\n)# EOF\n?$/;

/** @param text "all", "none" or names of checks. @throws UserError `bad-lint` (exit 2). */
export function lintsOf(text: string): ReadonlySet<Lint> {
  if (text === "all") return new Set(LINTS);
  if (text === "none" || text === "") return new Set();
  return new Set(
    text.split(",").map((word) => {
      const lint = LINTS.find((one) => one === word.trim());
      if (lint !== undefined) return lint;
      const similar = nearest(word, LINTS);
      throw new UserError(
        "bad-lint",
        `"${word}" is not a check${similar === undefined ? "" : `; did you mean ${similar}?`}`,
        {
          hint: `all, none, or some of ${LINTS.join(",")}`,
          exit: 2,
        },
      );
    }),
  );
}

/** @throws UserError `bad-exposition` (exit 3) with the line. */
export function lintText(text: string, lints: ReadonlySet<Lint>): LintReport {
  // A copied page may have lost its last line break.
  const page = Buffer.from(text.endsWith("\n") ? text : `${text}\n`);
  const format = OPENMETRICS_END.test(text) ? "openmetrics" : "text";
  return lintPage(parsePage(page, format), format, lints);
}
