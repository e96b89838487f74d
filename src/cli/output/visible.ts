/**
 * Text that drives no terminal. In: text that may hold what a stranger's exporter put into a label. Out: the same with
 * everything a terminal acts on written out, in a pipe as well: `| head` and `| less` end on a terminal too.
 *
 * JSON stays exact, since the form is JSON's own; so does tsv, whose backslashes are doubled (as psql's COPY does); in
 * csv and values a written-out character cannot be told from the same letters.
 */

/** C0 but tab and line feed, DEL, C1, marks that reorder or hide text, line separators. */
const ACTIVE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** `\u001b` for an escape character. */
export function visible(text: string): string {
  return text.replace(ACTIVE, (ch) => `\\u${ch.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** One line of JSON, line end included. */
export function jsonText(value: unknown): string {
  return `${visible(JSON.stringify(value))}\n`;
}
