/**
 * The two kinds of failure. A bug throws `AssertionError` through `assert`;
 * the world throws `UserError`, which a person can act on.
 */

/** What the process exits with; one meaning each (Nagios codes are the business of `opsmon check` alone). */
export const EXIT = { ok: 0, no: 1, usage: 2, invalid: 3, unreachable: 4, limit: 5, damaged: 6 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * An error a person can act on: what is wrong with the offending value quoted, where, and what to do.
 *
 * `code` is stable kebab-case for programs (`bad-duration`); `message` is lower case with no final dot.
 */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly code: string;
  readonly hint: string | undefined;
  /** Exit code a command ends with when nothing catches this; 3 (invalid input) unless told. */
  readonly exit: ExitCode;
  constructor(
    code: string,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown; readonly exit?: ExitCode } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exit = options.exit ?? EXIT.invalid;
  }
}

/** The text of anything thrown, for a log line or a `lastError` field. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(errorText).join("; ");
  return error instanceof Error ? error.message : String(error);
}
