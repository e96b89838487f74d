/**
 * How Telegram reads message text: HTML parsing with the server's own error texts, and the length rules. Written from
 * the behaviour of the public Bot API server; offsets in errors are bytes, lengths are code points after parsing.
 */

export interface Entity {
  readonly type: string;
  readonly offset: number;
  readonly length: number;
  readonly url?: string;
}
export interface ParsedText {
  readonly text: string;
  readonly entities: readonly Entity[];
}

export const TEXT_MAX = 4_096;
const RAW_BYTES_MAX = 32_768;

const TAGS = new Set(
  "a b strong i em s strike del u ins tg-spoiler tg-emoji tg-time span pre code blockquote".split(" "),
);
const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"' };

/** A refusal: the text after "Bad Request: ". */
export class TextRefused extends Error {}

/** @throws TextRefused */
export function readText(raw: string, parseMode: string, max: number, what: "message" | "caption"): ParsedText {
  if (Buffer.byteLength(raw) > RAW_BYTES_MAX) throw new TextRefused("Text is too long");
  const mode = parseMode.toLowerCase();
  let parsed: ParsedText;
  if (mode === "" || mode === "none") parsed = { text: raw, entities: [] };
  else if (mode === "html") parsed = parseHtml(raw);
  else throw new TextRefused("Unsupported parse_mode");
  const text = cleanInput(parsed.text).trim();
  if (text === "" && what === "message") throw new TextRefused("message text is empty");
  if (Array.from(text).length > max) {
    throw new TextRefused(what === "message" ? "message is too long" : "message caption is too long");
  }
  return { text, entities: parsed.entities };
}

/** The server turns most control characters into spaces and drops carriage returns. */
function cleanInput(text: string): string {
  return text.replaceAll("\r", "").replace(/(?![\n\u007f-\u009f])\p{Cc}/gu, " ");
}

/** @throws TextRefused */
export function parseHtml(raw: string): ParsedText {
  return new HtmlReader(raw).read();
}

class HtmlReader {
  readonly #raw: string;
  readonly #open: { readonly tag: string; readonly at: number; readonly url: string }[] = [];
  readonly #entities: Entity[] = [];
  #text = "";
  #at = 0;

  constructor(raw: string) {
    this.#raw = raw;
  }

  read(): ParsedText {
    while (this.#at < this.#raw.length) {
      const ch = this.#raw.charAt(this.#at);
      if (ch === "&") this.#entity();
      else if (ch !== "<") {
        this.#text += ch;
        this.#at++;
      } else if (this.#raw.charAt(this.#at + 1) === "/") this.#endTag();
      else this.#startTag();
    }
    const last = this.#open.at(-1);
    if (last !== undefined) {
      throw refused(`Can't find end tag corresponding to start tag "${last.tag}"`);
    }
    return { text: this.#text, entities: this.#entities };
  }

  #bytes(at: number): number {
    return Buffer.byteLength(this.#raw.slice(0, at));
  }

  /** Unknown names stay as they are, as the server keeps them. */
  #entity(): void {
    const found = /^&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|([a-z]{2,4}));?/.exec(this.#raw.slice(this.#at, this.#at + 12));
    const code = found?.[1] === undefined ? Number.parseInt(found?.[2] ?? "", 16) : Number(found[1]);
    const named = NAMED[found?.[3] ?? ""];
    if (found !== null && (named !== undefined || (code > 0 && code <= 0x10_ffff))) {
      this.#text += named ?? String.fromCodePoint(code);
      this.#at += found[0].length;
      return;
    }
    this.#text += "&";
    this.#at++;
  }

  #startTag(): void {
    const begin = this.#at;
    const name = /^[^\s>]*/.exec(this.#raw.slice(begin + 1)) as RegExpExecArray;
    const end = this.#raw.indexOf(">", begin);
    if (begin + 1 + name[0].length >= this.#raw.length)
      throw refused(`Unclosed start tag at byte offset ${this.#bytes(begin)}`);
    const tag = name[0].toLowerCase();
    if (!TAGS.has(tag)) throw refused(`Unsupported start tag "${tag}" at byte offset ${this.#bytes(begin)}`);
    if (end < 0) throw refused(`Unclosed start tag at byte offset ${this.#bytes(begin)}`);
    const attributes = this.#raw.slice(begin + 1 + tag.length, end);
    const url = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))/.exec(attributes);
    if (tag === "span" && !/class\s*=\s*["']?tg-spoiler/.test(attributes)) {
      throw refused(`Tag "span" must have class "tg-spoiler" at byte offset ${this.#bytes(begin)}`);
    }
    this.#open.push({ tag, at: this.#text.length, url: url?.[1] ?? url?.[2] ?? url?.[3] ?? "" });
    this.#at = end + 1;
  }

  #endTag(): void {
    const begin = this.#at;
    const opened = this.#open.pop();
    if (opened === undefined) throw refused(`Unexpected end tag at byte offset ${this.#bytes(begin)}`);
    const found = /^<\/([^\s>]*)\s*/.exec(this.#raw.slice(begin)) as RegExpExecArray;
    const after = begin + found[0].length;
    if (this.#raw.charAt(after) !== ">") throw refused(`Unclosed end tag at byte offset ${this.#bytes(begin)}`);
    const tag = (found[1] as string).toLowerCase();
    if (tag !== "" && tag !== opened.tag) {
      const where = `Unmatched end tag at byte offset ${this.#bytes(begin)}`;
      throw refused(`${where}, expected "</${opened.tag}>", found "</${tag}>"`);
    }
    const length = this.#text.length - opened.at;
    const link = opened.url === "" ? {} : { url: opened.url };
    if (length > 0) this.#entities.push({ type: opened.tag, offset: opened.at, length, ...link });
    this.#at = after + 1;
  }
}

function refused(text: string): TextRefused {
  return new TextRefused(`can't parse entities: ${text}`);
}
