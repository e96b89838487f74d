/**
 * Text for a chat: lines of spans that know their visible length, printed as Telegram HTML or as plain text. Every
 * text of a label or annotation passes `cleanText`, so nothing an exporter says can forge markup or hide characters.
 * Telegram counts code points after parsing, which is why length is kept apart from markup.
 */

export interface Span {
  readonly text: string;
  readonly tag?: "b" | "i" | "code";
  /** http or https only. */
  readonly href?: string;
}
export type Line = readonly Span[];

/** C0 except newline, DEL, C1, bidirectional overrides and isolates, byte order marks. */
const UNSAFE = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Well-formed, without control characters; `\r\n` and tabs become newline and space. */
export function cleanText(text: string): string {
  return text.replace(/\r\n?/g, "\n").replaceAll("\t", " ").replace(UNSAFE, "").toWellFormed();
}

/** The same on one line. */
export function cleanLine(text: string): string {
  return cleanText(text)
    .replace(/\s*\n\s*/g, " ")
    .trim();
}

/** At most `max` code points, with an ellipsis when cut. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const points = Array.from(text);
  return points.length <= max ? text : `${points.slice(0, Math.max(0, max - 1)).join("")}…`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function visibleLength(line: Line): number {
  let length = 1;
  for (const span of line) for (const _ of span.text) length++;
  return length;
}

export function printHtml(lines: readonly Line[]): string {
  return lines.map((line) => line.map(spanHtml).join("")).join("\n");
}

export function printPlain(lines: readonly Line[]): string {
  return lines
    .map((line) => line.map((span) => (span.href === undefined ? span.text : `${span.text}: ${span.href}`)).join(""))
    .join("\n");
}

function spanHtml({ text, tag, href }: Span): string {
  const inner = escapeHtml(text);
  if (href !== undefined) return `<a href="${escapeHtml(href).replaceAll('"', "&quot;")}">${inner}</a>`;
  return tag === undefined || text.trim() === "" ? inner : `<${tag}>${inner}</${tag}>`;
}

/** The parsed length of somebody's own HTML, in code points: tags count nothing, an entity counts one. */
export function parsedLength(html: string): number {
  const shown = html.replace(/<[^>]*>/g, "").replace(/&(?:lt|gt|amp|quot|#\d{1,7}|#x[\da-fA-F]{1,6});/g, "_");
  return Array.from(shown).length;
}
