/** One line of editable text: the keys of a shell prompt. Pure; whole characters only, marks included. */
import type { TextInput } from "./state.ts";

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
/** Longest line: no expression a person types is longer, and a paste may be a file. */
const LINE_CHARS_MAX = 4_096;

export const EMPTY_INPUT: TextInput = { text: "", caret: 0 };

export function inputOf(text: string): TextInput {
  return { text, caret: text.length };
}

export function insertText(input: TextInput, text: string): TextInput {
  const room = LINE_CHARS_MAX - input.text.length;
  const added = text.slice(0, Math.max(0, room));
  return {
    text: input.text.slice(0, input.caret) + added + input.text.slice(input.caret),
    caret: input.caret + added.length,
  };
}

/** The text after an editing key; undefined when `key` does not edit. */
export function editText(input: TextInput, key: string): TextInput | undefined {
  const { text, caret } = input;
  switch (key) {
    case "Left":
      return { text, caret: boundary(text, caret, -1) };
    case "Right":
      return { text, caret: boundary(text, caret, 1) };
    case "Home":
    case "C-a":
      return { text, caret: 0 };
    case "End":
    case "C-e":
      return { text, caret: text.length };
    case "Backspace":
      return cut(text, boundary(text, caret, -1), caret);
    case "Delete":
    case "C-d":
      return cut(text, caret, boundary(text, caret, 1));
    case "C-u":
      return cut(text, 0, caret);
    case "C-k":
      return cut(text, caret, text.length);
    case "M-b":
      return { text, caret: text.slice(0, caret).replace(/[\w:]*\W*$/, "").length };
    case "M-f":
      return { text, caret: caret + (/^\W*[\w:]*/.exec(text.slice(caret))?.[0].length ?? 0) };
    case "C-w":
      return cut(text, text.slice(0, caret).replace(/[\w:]*\W*$/, "").length, caret);
    default:
      return undefined;
  }
}

function cut(text: string, from: number, to: number): TextInput {
  return { text: text.slice(0, from) + text.slice(to), caret: from };
}

function boundary(text: string, caret: number, direction: 1 | -1): number {
  let before = 0;
  for (const { index, segment } of segmenter.segment(text)) {
    const end = index + segment.length;
    if (direction < 0 ? end >= caret : end > caret) return direction < 0 ? Math.min(index, caret) : end;
    before = end;
  }
  return before;
}

/** The PromQL or command word under the caret, and where it starts. */
export function wordAt(input: TextInput): { readonly start: number; readonly word: string } {
  const word = /[\w:]*$/.exec(input.text.slice(0, input.caret))?.[0] ?? "";
  return { start: input.caret - word.length, word };
}

/** Replaces the word before the caret by `completion`. */
export function completeWord(input: TextInput, completion: string): TextInput {
  const { start } = wordAt(input);
  const rest = input.text.slice(input.caret);
  return { text: input.text.slice(0, start) + completion + rest, caret: start + completion.length };
}
