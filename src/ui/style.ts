/**
 * Terminal styles as small numbers. In: SGR parameters ("1;38;5;203"), one after another as a text carries them.
 * Out: an interned style number, and the shortest escape code that leads from one style to another. A cell then
 * compares by two integers, and a run of cells costs no more bytes than it must.
 */

/** Styles kept; a screen uses about thirty, hostile text could ask for 2^24 colours. Beyond it: the default style. */
const STYLES_MAX = 4_096;

interface Style {
  readonly fg: string;
  readonly bg: string;
  /** Bit n set: SGR attribute n (1 bold, 2 dim, 3 italic, 4 underline, 5 blink, 7 inverse, 8 hidden, 9 struck). */
  readonly attributes: number;
}

export interface StyleTable {
  /** The style after SGR `parameters` arrive while `style` is in force. */
  apply(style: number, parameters: string): number;
  /** Escape code from one style to another; "" when they are the same. */
  transition(from: number, to: number): string;
  /** True where a blank cell of this style looks like a blank cell of the default style. */
  isPlainBlank(style: number): boolean;
}

/** Attributes that show on a blank cell: underline, inverse, struck. */
const BLANK_VISIBLE = (1 << 4) | (1 << 7) | (1 << 9);
const OFF_CODE: Readonly<Record<number, string>> = {
  1: "22",
  2: "22",
  3: "23",
  4: "24",
  5: "25",
  7: "27",
  8: "28",
  9: "29",
};

export function createStyleTable(): StyleTable {
  const styles: Style[] = [{ fg: "", bg: "", attributes: 0 }];
  const ids = new Map<string, number>([["||0", 0]]);
  const applied = new Map<string, number>();
  const transitions = new Map<number, string>();
  const intern = (style: Style): number => {
    const key = `${style.fg}|${style.bg}|${style.attributes}`;
    const known = ids.get(key);
    if (known !== undefined) return known;
    if (styles.length >= STYLES_MAX) return 0;
    ids.set(key, styles.length);
    return styles.push(style) - 1;
  };
  return {
    apply(style, parameters) {
      const key = `${style}|${parameters}`;
      const known = applied.get(key);
      if (known !== undefined) return known;
      const next = intern(applyParameters(styles[style] as Style, parameters));
      if (applied.size < STYLES_MAX) applied.set(key, next);
      return next;
    },
    transition(from, to) {
      if (from === to) return "";
      const key = from * STYLES_MAX + to;
      const known = transitions.get(key);
      if (known !== undefined) return known;
      const code = shortest(styles[from] as Style, styles[to] as Style);
      if (transitions.size < STYLES_MAX * 4) transitions.set(key, code);
      return code;
    },
    isPlainBlank(style) {
      const { bg, attributes } = styles[style] as Style;
      return bg === "" && (attributes & BLANK_VISIBLE) === 0;
    },
  };
}

function applyParameters(before: Style, parameters: string): Style {
  let { fg, bg, attributes } = before;
  const codes = parameters === "" ? [0] : parameters.split(";").map(Number);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    if (code === 0) [fg, bg, attributes] = ["", "", 0];
    else if (code === 38 || code === 48) {
      const length = codes[i + 1] === 5 ? 3 : 5;
      const color = codes.slice(i, i + length).join(";");
      if (code === 38) fg = color;
      else bg = color;
      i += length - 1;
    } else if (code === 39) fg = "";
    else if (code === 49) bg = "";
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) fg = String(code);
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) bg = String(code);
    else if (code === 22) attributes &= ~((1 << 1) | (1 << 2));
    else if (code >= 23 && code <= 29) attributes &= ~(1 << (code - 20));
    else if (code >= 1 && code <= 9) attributes |= 1 << code;
  }
  return { fg, bg, attributes };
}

function attributeCodes(attributes: number): string[] {
  const codes: string[] = [];
  for (let bit = 1; bit <= 9; bit++) if ((attributes & (1 << bit)) !== 0) codes.push(String(bit));
  return codes;
}

function shortest(from: Style, to: Style): string {
  const whole = [...attributeCodes(to.attributes), to.fg, to.bg].filter((code) => code !== "");
  if (whole.length === 0) return "\u001b[m";
  const fresh = `\u001b[0;${whole.join(";")}m`;
  const removed = from.attributes & ~to.attributes;
  // 22 switches both bold and dim off, so the one that stays must be set again.
  const offs = new Set(attributeCodes(removed).map((code) => OFF_CODE[Number(code)] as string));
  const added = offs.has("22")
    ? (to.attributes & ~from.attributes) | (to.attributes & 0b110)
    : to.attributes & ~from.attributes;
  const changes = [
    ...offs,
    ...attributeCodes(added),
    from.fg === to.fg ? "" : to.fg === "" ? "39" : to.fg,
    from.bg === to.bg ? "" : to.bg === "" ? "49" : to.bg,
  ].filter((code) => code !== "");
  const patch = `\u001b[${changes.join(";")}m`;
  return patch.length < fresh.length ? patch : fresh;
}
