/** Label matchers: what a selector, a silence or a route asks of one label. */
import { compileRegexp } from "./regexp.ts";

export type MatchOp = "=" | "!=" | "=~" | "!~";

export interface Matcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
  /** A missing label is asked as "". */
  readonly matches: (value: string) => boolean;
  /** The finite set of values a positive matcher can accept, for index push-down; undefined when unbounded. */
  readonly setMatches: readonly string[] | undefined;
  /** Literal prefix every accepted value must have; "" when unknown. */
  readonly prefix: string;
}

/**
 * Builds a matcher.
 *
 * @throws UserError `bad-regexp` when `op` is a regexp operator and `value` is not RE2 syntax.
 */
export function createMatcher(name: string, op: MatchOp, value: string): Matcher {
  switch (op) {
    case "=":
      return { name, op, value, matches: (v) => v === value, setMatches: [value], prefix: value };
    case "!=":
      return { name, op, value, matches: (v) => v !== value, setMatches: undefined, prefix: "" };
    case "=~": {
      const regexp = compileRegexp(value);
      return { name, op, value, matches: regexp.matches, setMatches: regexp.set, prefix: regexp.prefix };
    }
    case "!~": {
      const regexp = compileRegexp(value);
      return { name, op, value, matches: (v) => !regexp.matches(v), setMatches: undefined, prefix: "" };
    }
  }
}
