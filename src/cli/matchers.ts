/** Matchers as amtool takes them on a command line: `name=value`, `name!=value`, `name=~regexp`, `name!~regexp`. */
import { EXIT, UserError } from "../base/errors.ts";
import { createMatcher, type MatchOp } from "../model/matcher.ts";

export interface MatcherText {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

/** A bare first word is the alert's name. @throws UserError `bad-matcher`, `bad-regexp`. */
export function parseMatchers(texts: readonly string[]): readonly MatcherText[] {
  return texts.map((text, i) => {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*|"(?:[^"\\]|\\.)+")\s*(=~|!~|!=|=)\s*(.*)$/s.exec(text);
    if (match === null) {
      if (i === 0 && /^[\w:-]+$/.test(text)) return { name: "alertname", op: "=", value: text };
      throw new UserError("bad-matcher", `"${text}" is not a matcher`, {
        hint: "write name=value, name!=value, name=~regexp or name!~regexp",
        exit: EXIT.usage,
      });
    }
    const [, name, op, value] = match as unknown as [string, string, MatchOp, string];
    const made = { name: unquote(name), op, value: unquote(value) };
    createMatcher(made.name, made.op, made.value);
    return made;
  });
}

function unquote(text: string): string {
  return /^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, "$1") : text;
}
