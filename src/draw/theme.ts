/**
 * Styles are numbers in a cell grid; a theme says what each number looks like. Renderers know only the numbers, so a
 * theme can change without drawing again, and NO_COLOR keeps bold, dim and inverse. Colour never carries a state
 * alone: renderers also write a word or a sign. The default theme uses the 16 palette entries of the terminal, which
 * follow the reader's own scheme; the others name fixed entries of the 256-colour cube.
 */

/** Style numbers. Order is part of the interface: 0 is the default style. */
export const STYLE = {
  default: 0,
  dim: 1,
  title: 2,
  accent: 3,
  ok: 4,
  warn: 5,
  crit: 6,
  unknown: 7,
  axis: 8,
  threshold: 9,
  series1: 10,
  series2: 11,
  series3: 12,
  series4: 13,
  series5: 14,
  series6: 15,
  series7: 16,
  series8: 17,
  border: 18,
  borderFocus: 19,
  header: 20,
  selected: 21,
  alert: 22,
  stale: 23,
  cursor: 24,
  key: 25,
} as const;
export type StyleName = keyof typeof STYLE;

/** Colours that lines take in turn. */
export const SERIES_STYLES: readonly number[] = [10, 11, 12, 13, 14, 15, 16, 17];

export function seriesStyle(index: number): number {
  return SERIES_STYLES[index % SERIES_STYLES.length] as number;
}

export function stateStyle(state: "ok" | "warn" | "crit" | "unknown"): number {
  return STYLE[state];
}

/** 0–15 are the terminal's palette, 16–255 the fixed cube; undefined is the terminal's own default. */
export interface StyleLook {
  readonly fg?: number;
  readonly bg?: number;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly inverse?: boolean;
  readonly underline?: boolean;
}

export type ThemeName = "default" | "dark" | "light" | "colorblind";

export interface Theme {
  readonly name: ThemeName;
  /** Index = style number. */
  readonly looks: readonly StyleLook[];
}

/** What a terminal can show: no colour at all, the 16 palette entries, or 256. */
export type ColorDepth = 0 | 16 | 256;

type Looks = Readonly<Record<StyleName, StyleLook>>;

const BASE: Looks = {
  default: {},
  dim: { dim: true },
  title: { bold: true },
  accent: { fg: 6 },
  ok: { fg: 2 },
  warn: { fg: 3, bold: true },
  crit: { fg: 1, bold: true },
  unknown: { fg: 5 },
  axis: { dim: true },
  threshold: { fg: 1, dim: true },
  series1: { fg: 6 },
  series2: { fg: 3 },
  series3: { fg: 2 },
  series4: { fg: 5 },
  series5: { fg: 4 },
  series6: { fg: 1 },
  series7: { fg: 14 },
  series8: { fg: 11 },
  border: { dim: true },
  borderFocus: { fg: 6, bold: true },
  header: { inverse: true },
  selected: { inverse: true },
  alert: { fg: 1, bold: true, inverse: true },
  stale: { dim: true, underline: true },
  cursor: { fg: 7, bold: true },
  key: { fg: 6, bold: true },
};

const DARK: Looks = {
  ...BASE,
  dim: { fg: 244 },
  title: { fg: 255, bold: true },
  accent: { fg: 80 },
  ok: { fg: 114 },
  warn: { fg: 221, bold: true },
  crit: { fg: 203, bold: true },
  unknown: { fg: 176 },
  axis: { fg: 240 },
  threshold: { fg: 131 },
  series1: { fg: 80 },
  series2: { fg: 221 },
  series3: { fg: 114 },
  series4: { fg: 176 },
  series5: { fg: 75 },
  series6: { fg: 209 },
  series7: { fg: 159 },
  series8: { fg: 187 },
  border: { fg: 240 },
  borderFocus: { fg: 80, bold: true },
  header: { fg: 255, bg: 236 },
  selected: { fg: 255, bg: 24 },
  alert: { fg: 255, bg: 124, bold: true },
  stale: { fg: 244, underline: true },
  cursor: { fg: 255, bold: true },
  key: { fg: 80, bold: true },
};

const LIGHT: Looks = {
  ...DARK,
  dim: { fg: 243 },
  title: { fg: 16, bold: true },
  accent: { fg: 25 },
  ok: { fg: 28 },
  warn: { fg: 136, bold: true },
  crit: { fg: 160, bold: true },
  unknown: { fg: 90 },
  axis: { fg: 248 },
  threshold: { fg: 174 },
  series1: { fg: 25 },
  series2: { fg: 136 },
  series3: { fg: 28 },
  series4: { fg: 90 },
  series5: { fg: 31 },
  series6: { fg: 160 },
  series7: { fg: 66 },
  series8: { fg: 58 },
  border: { fg: 250 },
  borderFocus: { fg: 25, bold: true },
  header: { fg: 16, bg: 253 },
  selected: { fg: 16, bg: 153 },
  alert: { fg: 231, bg: 160, bold: true },
  stale: { fg: 243, underline: true },
  cursor: { fg: 16, bold: true },
  key: { fg: 25, bold: true },
};

/** Blue, orange and magenta instead of green, yellow and red: apart for every common kind of colour blindness. */
const COLORBLIND: Looks = {
  ...DARK,
  ok: { fg: 75 },
  warn: { fg: 214, bold: true },
  crit: { fg: 199, bold: true },
  unknown: { fg: 250 },
  threshold: { fg: 125 },
  series1: { fg: 75 },
  series2: { fg: 214 },
  series3: { fg: 255 },
  series4: { fg: 199 },
  series5: { fg: 33 },
  series6: { fg: 180 },
  series7: { fg: 117 },
  series8: { fg: 246 },
  alert: { fg: 255, bg: 125, bold: true },
};

const NAMES = Object.keys(STYLE) as readonly StyleName[];

function themeOf(name: ThemeName, looks: Looks): Theme {
  return { name, looks: NAMES.map((style) => looks[style]) };
}

export const THEMES: Readonly<Record<ThemeName, Theme>> = {
  default: themeOf("default", BASE),
  dark: themeOf("dark", DARK),
  light: themeOf("light", LIGHT),
  colorblind: themeOf("colorblind", COLORBLIND),
};

export const THEME_NAMES: readonly ThemeName[] = ["default", "dark", "light", "colorblind"];

/** The theme called `name`, or the default one. */
export function themeNamed(name: string | undefined): Theme {
  return THEME_NAMES.includes(name as ThemeName) ? THEMES[name as ThemeName] : THEMES.default;
}

/** SGR parameters of a style without ESC and `m`, e.g. `1;38;5;203`; empty for the default style. */
export function sgr(theme: Theme, style: number, depth: ColorDepth): string {
  const look = theme.looks[style] ?? {};
  const codes: (number | string)[] = [];
  if (look.bold === true) codes.push(1);
  if (look.dim === true) codes.push(2);
  if (look.underline === true) codes.push(4);
  // A background is the only sign of a selection or header: without colour it becomes inverse.
  if (look.inverse === true || (depth === 0 && look.bg !== undefined)) codes.push(7);
  if (depth > 0) {
    if (look.fg !== undefined) codes.push(color(look.fg, depth, 30));
    if (look.bg !== undefined) codes.push(color(look.bg, depth, 40));
  }
  return codes.join(";");
}

function color(index: number, depth: ColorDepth, base: 30 | 40): number | string {
  const entry = depth === 16 && index > 15 ? nearest16(index) : index;
  if (entry < 8) return base + entry;
  return entry < 16 ? base + 60 + entry - 8 : `${base + 8};5;${entry}`;
}

/** The palette entry nearest to a cube or grey entry by hue and brightness. */
function nearest16(index: number): number {
  if (index >= 232) return index < 238 ? 0 : index < 246 ? 8 : index < 252 ? 7 : 15;
  const cube = index - 16;
  const rgb = [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6];
  const high = Math.max(...rgb);
  if (high === 0) return 0;
  const bits = rgb.reduce((sum, part, i) => sum + (part * 2 >= high + 1 ? 1 << i : 0), 0);
  return high >= 5 && bits !== 7 ? bits + 8 : bits === 7 && high >= 5 ? 15 : bits;
}
