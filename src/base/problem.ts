/**
 * A mistake in a file a person wrote: place, what is wrong, what to do. Loaders collect all of them instead of
 * stopping at the first one, so one run of `opsmon check` is enough.
 */

export interface Problem {
  readonly severity: "error" | "warning";
  readonly file: string;
  /** 1-based; 0 when the problem belongs to the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** Lower case, the offending value quoted. */
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Problems remembered per file; more than this is a file of another kind, not a file with mistakes. */
export const PROBLEMS_MAX = 200;

/** `file:line:column: message` with the hint on a second line. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  const severity = problem.severity === "warning" ? "warning: " : "";
  const hint = problem.hint === undefined ? "" : `\n  hint: ${problem.hint}`;
  return `${place}: ${severity}${problem.message}${hint}`;
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === "error");
}

/** In file order: file, line, column; stable for equal places. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  return [...problems].sort(
    (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column,
  );
}
