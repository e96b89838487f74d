/** A broken promise inside opsmon itself: a bug, never the user's fault. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * States what must hold at this point.
 *
 * @throws AssertionError with `mustHold` when it does not.
 */
export function assert(condition: unknown, mustHold: string): asserts condition {
  if (!condition) throw new AssertionError(mustHold);
}

/** Marks the branch that the type checker proves impossible. */
export function unreachable(value: never): never {
  throw new AssertionError(`impossible value ${JSON.stringify(value)}`);
}
