/**
 * The part of RE2's syntax that opsmon runs without a full engine: pattern in, small tree out. Whatever is outside it
 * (Unicode classes, word boundaries, anchors in the middle, mistakes) gives undefined, and `re2js` decides.
 */

/** Code points `lo` to `hi`, both included. */
type RuneRange = readonly [lo: number, hi: number];

export type RegexpNode =
  | { readonly kind: "literal"; readonly text: string; readonly fold: boolean }
  /** Any code point; without `newline` any but a line feed. */
  | { readonly kind: "any"; readonly newline: boolean }
  | { readonly kind: "class"; readonly ranges: readonly RuneRange[]; readonly negated: boolean; readonly fold: boolean }
  | { readonly kind: "concat"; readonly parts: readonly RegexpNode[] }
  | { readonly kind: "alternate"; readonly branches: readonly RegexpNode[] }
  | {
      readonly kind: "repeat";
      readonly inner: RegexpNode;
      readonly min: number;
      readonly max: number;
      readonly lazy: boolean;
    }
  | { readonly kind: "group"; readonly inner: RegexpNode; readonly name: string | undefined };

interface Flags {
  readonly fold: boolean;
  readonly dotNewline: boolean;
}

/** RE2 refuses larger counts. */
const REPEAT_MAX = 1_000;
/** Deepest groups read here; deeper patterns go to re2js, which has its own limit. */
const DEPTH_MAX = 50;
/** Longest pattern read here. */
const LENGTH_MAX = 50_000;

const DIGIT: readonly RuneRange[] = [[0x30, 0x39]];
const WORD: readonly RuneRange[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACE: readonly RuneRange[] = [
  [0x09, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x20],
];
const PERL: Readonly<Record<string, readonly RuneRange[]>> = { d: DIGIT, w: WORD, s: SPACE };
const POSIX: Readonly<Record<string, readonly RuneRange[]>> = {
  alnum: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x61, 0x7a],
  ],
  alpha: [
    [0x41, 0x5a],
    [0x61, 0x7a],
  ],
  digit: DIGIT,
  lower: [[0x61, 0x7a]],
  upper: [[0x41, 0x5a]],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  word: WORD,
  xdigit: [
    [0x30, 0x39],
    [0x41, 0x46],
    [0x61, 0x66],
  ],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
};
const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** Thrown inside and caught below: the pattern is not in the subset. */
class OutsideSubset extends Error {}

/** @returns undefined when the pattern is not in the subset, which says nothing about its validity. */
export function parseRegexp(pattern: string): RegexpNode | undefined {
  if (pattern.length > LENGTH_MAX || !pattern.isWellFormed()) return undefined;
  try {
    return new Reader(pattern).whole();
  } catch (error) {
    if (error instanceof OutsideSubset) return undefined;
    throw error;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): RegexpNode {
    // The match is anchored anyway.
    if (this.#text.startsWith("^")) this.#at = 1;
    const node = this.#alternation({ fold: false, dotNewline: true });
    if (this.#at < this.#text.length) throw new OutsideSubset();
    return node;
  }

  #peek(): string | undefined {
    const point = this.#text.codePointAt(this.#at);
    return point === undefined ? undefined : String.fromCodePoint(point);
  }

  #alternation(outer: Flags): RegexpNode {
    if (++this.#depth > DEPTH_MAX) throw new OutsideSubset();
    let flags = outer;
    const branches: RegexpNode[] = [];
    for (;;) {
      const branch = this.#concatenation(flags);
      flags = branch.flags;
      branches.push(branch.node);
      if (this.#peek() !== "|") break;
      this.#at++;
    }
    this.#depth--;
    // An anchor was passed over at the very start or end: it would belong to one branch only.
    if (branches.length > 1 && this.#depth === 0 && /^\^|(?<!\\)\$$/.test(this.#text)) throw new OutsideSubset();
    return branches.length === 1 ? (branches[0] as RegexpNode) : { kind: "alternate", branches };
  }

  #concatenation(outer: Flags): { readonly node: RegexpNode; readonly flags: Flags } {
    let flags = outer;
    const parts: RegexpNode[] = [];
    for (let ch = this.#peek(); ch !== undefined && ch !== "|" && ch !== ")"; ch = this.#peek()) {
      const change = this.#flagChange(flags);
      if (change !== undefined) {
        flags = change;
        continue;
      }
      if (ch === "$" && this.#at === this.#text.length - 1 && this.#depth === 1) {
        this.#at++;
        break;
      }
      parts.push(this.#quantified(this.#atom(ch, flags)));
    }
    return { node: joinLiterals(parts), flags };
  }

  /** `(?i)` changes the flags of what follows in this group. */
  #flagChange(flags: Flags): Flags | undefined {
    const match = /^\(\?([is]*)(?:-([is]+))?\)/.exec(this.#text.slice(this.#at, this.#at + 12));
    if (match === null || match[0] === "(?)") return undefined;
    this.#at += match[0].length;
    return changeFlags(flags, match[1] ?? "", match[2] ?? "");
  }

  #atom(ch: string, flags: Flags): RegexpNode {
    switch (ch) {
      case "(":
        return this.#group(flags);
      case "[":
        return this.#class(flags);
      case ".":
        this.#at++;
        return { kind: "any", newline: flags.dotNewline };
      case "\\":
        return this.#escape(flags);
      case "*":
      case "+":
      case "?":
      case "^":
      case "$":
        throw new OutsideSubset();
      default:
        if (ch === "{" && this.#repeatRange() !== undefined) throw new OutsideSubset();
        this.#at += ch.length;
        return { kind: "literal", text: ch, fold: flags.fold };
    }
  }

  #group(flags: Flags): RegexpNode {
    const head = this.#text.slice(this.#at, this.#at + 80);
    const named = /^\(\?P?<([A-Za-z_]\w*)>/.exec(head);
    const plain = /^\(\?([is]*)(?:-([is]+))?:/.exec(head);
    let inner = flags;
    let capture = true;
    if (named !== null) this.#at += named[0].length;
    else if (plain !== null) {
      this.#at += plain[0].length;
      inner = changeFlags(flags, plain[1] ?? "", plain[2] ?? "");
      capture = false;
    } else if (head.startsWith("(?")) throw new OutsideSubset();
    else this.#at++;
    const node = this.#alternation(inner);
    if (this.#peek() !== ")") throw new OutsideSubset();
    this.#at++;
    return capture ? { kind: "group", inner: node, name: named?.[1] } : node;
  }

  #escape(flags: Flags): RegexpNode {
    const ch = this.#text[this.#at + 1];
    if (ch === undefined) throw new OutsideSubset();
    const perl = PERL[ch.toLowerCase()];
    if (perl !== undefined) {
      this.#at += 2;
      return { kind: "class", ranges: perl, negated: ch !== ch.toLowerCase(), fold: false };
    }
    return { kind: "literal", text: String.fromCodePoint(this.#escapedRune()), fold: flags.fold };
  }

  /** A backslash and what it stands for, where that is one code point. */
  #escapedRune(): number {
    const rest = this.#text.slice(this.#at + 1, this.#at + 12);
    const hex = /^x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(rest);
    if (hex !== null) {
      const point = Number.parseInt(hex[1] ?? (hex[2] as string), 16);
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw new OutsideSubset();
      this.#at += 1 + hex[0].length;
      return point;
    }
    const ch = rest[0] as string;
    const control = CONTROL[ch];
    this.#at += 2;
    if (control !== undefined) return control;
    // RE2 allows a backslash before ASCII punctuation only.
    if (/^[!-/:-@[-`{-~]$/.test(ch)) return ch.charCodeAt(0);
    throw new OutsideSubset();
  }

  #class(flags: Flags): RegexpNode {
    this.#at++;
    const negated = this.#peek() === "^";
    if (negated) this.#at++;
    const ranges: RuneRange[] = [];
    for (let first = true; first || this.#peek() !== "]"; first = false) {
      const posix = /^\[:(\w+):\]/.exec(this.#text.slice(this.#at, this.#at + 16));
      if (posix !== null) {
        const named = POSIX[posix[1] as string];
        if (named === undefined) throw new OutsideSubset();
        ranges.push(...named);
        this.#at += posix[0].length;
        continue;
      }
      const perl = /^\\([dws])/.exec(this.#text.slice(this.#at, this.#at + 2));
      if (perl !== null) {
        ranges.push(...(PERL[perl[1] as string] as readonly RuneRange[]));
        this.#at += 2;
        continue;
      }
      const lo = this.#classRune();
      let hi = lo;
      if (this.#text[this.#at] === "-" && this.#text[this.#at + 1] !== "]") {
        this.#at++;
        hi = this.#classRune();
      }
      if (hi < lo) throw new OutsideSubset();
      ranges.push([lo, hi]);
    }
    this.#at++;
    return { kind: "class", ranges, negated, fold: flags.fold };
  }

  #classRune(): number {
    const ch = this.#peek();
    if (ch === undefined || ch === "[") throw new OutsideSubset();
    if (ch === "\\") return this.#escapedRune();
    this.#at += ch.length;
    return ch.codePointAt(0) as number;
  }

  #repeatRange(): { readonly min: number; readonly max: number; readonly length: number } | undefined {
    const match = /^\{(\d{1,5})(,(\d{0,5}))?\}/.exec(this.#text.slice(this.#at, this.#at + 16));
    if (match === null) return undefined;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3]);
    return { min, max, length: match[0].length };
  }

  #quantified(inner: RegexpNode): RegexpNode {
    const ch = this.#peek();
    let bounds: { readonly min: number; readonly max: number; readonly length: number } | undefined;
    if (ch === "*") bounds = { min: 0, max: Number.POSITIVE_INFINITY, length: 1 };
    else if (ch === "+") bounds = { min: 1, max: Number.POSITIVE_INFINITY, length: 1 };
    else if (ch === "?") bounds = { min: 0, max: 1, length: 1 };
    else if (ch === "{") bounds = this.#repeatRange();
    if (bounds === undefined) return inner;
    const { min, max, length } = bounds;
    if (min > REPEAT_MAX || (Number.isFinite(max) && (max > REPEAT_MAX || max < min))) throw new OutsideSubset();
    this.#at += length;
    const lazy = this.#peek() === "?";
    if (lazy) this.#at++;
    const next = this.#peek();
    if (next === "*" || next === "+" || next === "?") throw new OutsideSubset();
    if (next === "{" && this.#repeatRange() !== undefined) throw new OutsideSubset();
    return { kind: "repeat", inner, min, max, lazy };
  }
}

function changeFlags(flags: Flags, on: string, off: string): Flags {
  const pick = (letter: string, now: boolean): boolean => (on.includes(letter) || now) && !off.includes(letter);
  return { fold: pick("i", flags.fold), dotNewline: pick("s", flags.dotNewline) };
}

/** Neighbouring literals become one; a part alone stands for itself. */
function joinLiterals(parts: readonly RegexpNode[]): RegexpNode {
  const out: RegexpNode[] = [];
  for (const part of parts) {
    const previous = out.at(-1);
    if (part.kind === "literal" && previous?.kind === "literal" && previous.fold === part.fold) {
      out[out.length - 1] = { ...part, text: previous.text + part.text };
    } else out.push(part);
  }
  if (out.length === 1) return out[0] as RegexpNode;
  return out.length === 0 ? { kind: "literal", text: "", fold: false } : { kind: "concat", parts: out };
}
