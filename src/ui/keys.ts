/** Names for key presses: ink's flags in, the names the keymap uses out (`q`, `C-c`, `S-Tab`, `PgDn`, `Space`). */
import type { Key } from "ink";

export type KeyPress =
  | { readonly kind: "key"; readonly name: string }
  /** One typed character. */
  | { readonly kind: "text"; readonly text: string };

/** Characters taken of one read: a terminal without bracketed paste may send a whole file. */
const CHUNK_CHARS_MAX = 4_096;

/** Before the character that was typed with Alt, or right after Escape: a terminal sends the same for both. */
export const ALT = "M-";

export function keyPresses(input: string, key: Key): readonly KeyPress[] {
  const named = namedKey(key);
  if (named !== undefined) return [{ kind: "key", name: named }];
  if (key.ctrl && input.length === 1) return [{ kind: "key", name: `C-${input.toLowerCase()}` }];
  if (key.meta && Array.from(input).length === 1) return [{ kind: "key", name: ALT + input }];
  if (key.meta || input === "") return [];
  return textPresses(input);
}

/** A chunk may hold several keys typed fast, control keys among them: each is a press of its own. */
function textPresses(input: string): readonly KeyPress[] {
  return Array.from(input.slice(0, CHUNK_CHARS_MAX)).flatMap((ch): KeyPress[] => {
    const code = ch.codePointAt(0) as number;
    if (ch === "\r" || ch === "\n") return [{ kind: "key", name: "Enter" }];
    if (ch === "\t") return [{ kind: "key", name: "Tab" }];
    if (code === 0x7f || code === 0x08) return [{ kind: "key", name: "Backspace" }];
    if (code >= 1 && code <= 26) return [{ kind: "key", name: `C-${String.fromCharCode(code + 0x60)}` }];
    return code < 0x20 || (code >= 0x80 && code < 0xa0) ? [] : [{ kind: "text", text: ch }];
  });
}

function namedKey(key: Key): string | undefined {
  if (key.upArrow) return "Up";
  if (key.downArrow) return "Down";
  if (key.leftArrow) return "Left";
  if (key.rightArrow) return "Right";
  if (key.pageUp) return "PgUp";
  if (key.pageDown) return "PgDn";
  if (key.home) return "Home";
  if (key.end) return "End";
  if (key.return) return "Enter";
  if (key.escape) return "Esc";
  if (key.tab) return key.shift ? "S-Tab" : "Tab";
  if (key.backspace) return "Backspace";
  return key.delete ? "Delete" : undefined;
}

/** The name a press has in the keymap. */
export function keyName(press: KeyPress): string {
  if (press.kind === "key") return press.name;
  return press.text === " " ? "Space" : press.text;
}
