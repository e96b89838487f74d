/** Names for key presses: ink's flags in, the names the keymap uses out (`q`, `C-c`, `S-Tab`, `PgDn`, `Space`). */
import type { Key } from "ink";

export type KeyPress =
  | { readonly kind: "key"; readonly name: string }
  /** Typed or pasted text; one character is a key press as well. */
  | { readonly kind: "text"; readonly text: string };

/** Longest text taken at once: a paste of a whole file must not become a prompt. */
const PASTE_CHARS_MAX = 4_096;

export function keyPresses(input: string, key: Key): readonly KeyPress[] {
  const named = namedKey(key);
  if (named !== undefined) return [{ kind: "key", name: named }];
  if (key.ctrl && input.length === 1) return [{ kind: "key", name: `C-${input.toLowerCase()}` }];
  if (key.meta || input === "") return [];
  return textPresses(input);
}

/** A chunk may hold several keys typed fast, or a paste; Enter and Tab inside it are keys of their own. */
function textPresses(input: string): readonly KeyPress[] {
  const presses: KeyPress[] = [];
  for (const part of input.slice(0, PASTE_CHARS_MAX).split(/([\r\n\t])/)) {
    if (part === "") continue;
    if (part === "\r" || part === "\n") presses.push({ kind: "key", name: "Enter" });
    else if (part === "\t") presses.push({ kind: "key", name: "Tab" });
    // oxlint-disable-next-line no-control-regex
    else presses.push({ kind: "text", text: part.replace(/[\u0000-\u001f\u007f-\u009f]/g, "") });
  }
  return presses;
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

/** A text press of one character as a key name, for commands; longer text is several keys. */
export function commandKeys(press: KeyPress): readonly string[] {
  if (press.kind === "key") return [press.name];
  return [...press.text].map((ch) => (ch === " " ? "Space" : ch));
}
