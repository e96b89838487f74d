/**
 * How the console looks on this terminal: colours, characters, and lines of styled text. Text from data enters here
 * through `fit`, which sanitises it; the only escape codes in a line are the theme's own.
 */
import { fit, textWidth } from "../draw/sanitise.ts";
import { detectSymbols, symbolsOf, type SymbolSet, type Symbols } from "../draw/symbols.ts";
import { sgr, STYLE, stateStyle, themeNamed, type ColorDepth, type Theme } from "../draw/theme.ts";
import type { AlertState } from "../model/alert.ts";
import type { PanelState } from "../panel/frame.ts";

export interface Look {
  readonly theme: Theme;
  readonly depth: ColorDepth;
  readonly symbols: Symbols;
  readonly ascii: boolean;
  readonly utc: boolean;
}

/** A piece of text in one theme style. */
export interface Span {
  readonly text: string;
  readonly style: number;
}
export type Line = readonly Span[];

type Env = Readonly<Record<string, string | undefined>>;

/** @see https://no-color.org: any non-empty NO_COLOR takes the colours, not bold and inverse. */
export function detectDepth(env: Env): ColorDepth {
  if ((env["NO_COLOR"] ?? "") !== "") return 0;
  const term = env["TERM"] ?? "";
  if (term === "dumb" || term.startsWith("vt")) return 0;
  if (/256|truecolor|24bit|kitty|alacritty|ghostty|foot|wezterm/.test(`${term} ${env["COLORTERM"] ?? ""}`)) return 256;
  return 16;
}

export function lookOf(options: {
  readonly env: Env;
  readonly theme?: string | undefined;
  readonly symbols?: SymbolSet | undefined;
  readonly utc?: boolean | undefined;
}): Look {
  const set = options.symbols ?? detectSymbols(options.env);
  return {
    theme: themeNamed(options.theme ?? options.env["OPSMON_THEME"]),
    depth: detectDepth(options.env),
    symbols: symbolsOf(set),
    ascii: set === "ascii",
    utc: options.utc === true,
  };
}

export function span(text: string, style: number = STYLE.default): Span {
  return { text, style };
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, part) => sum + textWidth(part.text), 0);
}

/** The line cut to `width` columns, with the theme's colour codes, one for each run of a style; blanks to fill it if asked. */
export function renderLine(line: Line, width: number, look: Look, fill = false): string {
  let out = "";
  let used = 0;
  let run = "";
  let style: number = STYLE.default;
  for (const part of line) {
    if (used >= width) break;
    const text = fit(part.text, width - used, { ascii: look.ascii });
    used += textWidth(text);
    if (part.style !== style) {
      out += colored(run, style, look);
      run = "";
      style = part.style;
    }
    run += text;
  }
  return out + colored(run, style, look) + (fill ? " ".repeat(Math.max(0, width - used)) : "");
}

/** As `renderLine`, with one style under the whole line: a selected row, the header. */
export function renderBar(line: Line, width: number, style: number, look: Look): string {
  const text = line.map((part) => part.text).join("");
  const cut = fit(text, width, { ascii: look.ascii });
  return colored(cut + " ".repeat(Math.max(0, width - textWidth(cut))), style, look);
}

function colored(text: string, style: number, look: Look): string {
  const code = text === "" ? "" : sgr(look.theme, style, look.depth);
  return code === "" ? text : `\u001b[${code}m${text}\u001b[0m`;
}

/** `left` and `right` at the two ends of `width` columns; the left gives way, the right is kept whole. */
export function bothEnds(left: Line, right: Line, width: number): Line {
  const room = width - lineWidth(right);
  if (room < 4) return cutLine(left, width);
  const cut = cutLine(left, room - 1);
  return [...cut, span(" ".repeat(Math.max(1, room - lineWidth(cut)))), ...right];
}

export function cutLine(line: Line, width: number): Line {
  const kept: Span[] = [];
  let used = 0;
  for (const part of line) {
    if (used >= width) break;
    const text = fit(part.text, width - used);
    used += textWidth(text);
    kept.push({ text, style: part.style });
  }
  return kept;
}

/** A column of a table: exactly `width` columns. */
export function cell(
  text: string,
  width: number,
  style: number = STYLE.default,
  align: "left" | "right" = "left",
): Span {
  if (width <= 0) return span("");
  const cut = fit(text, width);
  const pad = " ".repeat(width - textWidth(cut));
  return span(align === "right" ? pad + cut : cut + pad, style);
}

/** A state is a sign and a word, never a colour alone. */
export const STATE_SIGN: Readonly<Record<PanelState, string>> = { ok: "●", warn: "▲", crit: "◆", unknown: "○" };
const STATE_SIGN_ASCII: Readonly<Record<PanelState, string>> = { ok: ".", warn: "!", crit: "#", unknown: "?" };

export function stateSign(state: PanelState, look: Look): string {
  return look.ascii ? STATE_SIGN_ASCII[state] : STATE_SIGN[state];
}

export const STATE_WORD: Readonly<Record<PanelState, string>> = {
  ok: "ok",
  warn: "WARN",
  crit: "CRIT",
  unknown: "none",
};

export function stateSpan(state: PanelState, look: Look): Span {
  return span(`${stateSign(state, look)} ${STATE_WORD[state].padEnd(4)}`, stateStyle(state));
}

/** Severity words people use in rules, as a panel state. */
export function severityState(severity: string): PanelState {
  const word = severity.toLowerCase();
  if (/^(?:crit|critical|page|fatal|emergency|sev1|p1|high|error)/.test(word)) return "crit";
  return /^(?:warn|warning|ticket|medium|minor|sev2|p2)/.test(word) ? "warn" : "warn";
}

export const ALERT_WORD: Readonly<Record<AlertState, string>> = {
  inactive: "resolved",
  pending: "PENDING",
  firing: "FIRING",
  nodata: "NO DATA",
  error: "ERROR",
};

/** An alert that never fired was not resolved: it is inactive before it is pending, and after a false alarm. */
export function changeWord(state: AlertState, before?: AlertState): string {
  return state === "inactive" && (before === undefined || before === "pending") ? "inactive" : ALERT_WORD[state];
}

export function alertStyle(state: AlertState, severity: string): number {
  if (state === "firing") return severityState(severity) === "crit" ? STYLE.crit : STYLE.warn;
  if (state === "pending") return STYLE.warn;
  return state === "inactive" ? STYLE.ok : STYLE.unknown;
}
