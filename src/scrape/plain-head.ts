/** Reads the head of an HTTP/1.1 answer and bodies in chunks, as far as exporters use them; `plain.ts` joins them. */

/** Heads are some 200 bytes; what is longer is for the other client. */
const HEAD_CHARACTERS_MAX = 16 * 1024;
/** A chunk's size line: 8 hexadecimal digits and an extension nobody uses. */
const SIZE_LINE_MAX = 64;

const CR = 0x0d;
const LF = 0x0a;

export interface AnswerHead {
  readonly status: number;
  /** Offset of the body. */
  readonly end: number;
  /** -1 when chunked. */
  readonly length: number;
  readonly chunked: boolean;
  readonly gzip: boolean;
  readonly close: boolean;
  readonly redirect: boolean;
  readonly contentType: string | undefined;
}

/**
 * @param before characters that were looked at already.
 * @returns undefined while the head is incomplete; "unknown" for what this reader leaves to others.
 */
export function readHead(text: string, before: number): AnswerHead | "unknown" | undefined {
  const stop = text.indexOf("\r\n\r\n", Math.max(0, before - 3));
  if (stop < 0)
    return text.length > HEAD_CHARACTERS_MAX || !"HTTP/1.1 ".startsWith(text.slice(0, 9)) ? "unknown" : undefined;
  const lines = text.slice(0, stop).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(lines[0] as string)?.[1];
  if (status === undefined) return "unknown";
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    // A header twice, a folded line: legal somewhere, rare everywhere.
    if (colon < 1 || /[^!-~]/.test(name) || (headers.has(name) && FRAMING.has(name))) return "unknown";
    headers.set(name, line.slice(colon + 1).trim());
  }
  return framed(Number(status), stop + 4, headers);
}

const FRAMING: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "content-encoding",
  "content-type",
]);

function framed(status: number, end: number, headers: ReadonlyMap<string, string>): AnswerHead | "unknown" {
  const coding = (headers.get("content-encoding") ?? "identity").toLowerCase();
  const transfer = headers.get("transfer-encoding")?.toLowerCase();
  const length = headers.get("content-length");
  const chunked = transfer === "chunked";
  const known =
    (transfer === undefined || (chunked && length === undefined)) &&
    (length === undefined ? chunked : /^\d{1,15}$/.test(length)) &&
    (coding === "identity" || coding === "gzip");
  if (status === 200 && !known) return "unknown";
  return {
    status,
    end,
    length: chunked ? -1 : Number(length ?? 0),
    chunked,
    gzip: coding === "gzip",
    close: headers.get("connection")?.toLowerCase() === "close",
    redirect: headers.has("location"),
    contentType: headers.get("content-type"),
  };
}

/** A body in chunks, in whatever pieces it comes. */
export class ChunkReader {
  #state: "size" | "data" | "data-end" | "trailer" = "size";
  #line = "";
  #left = 0;

  /** @param take is told where data lies in these bytes. */
  read(
    bytes: Uint8Array,
    from: number,
    to: number,
    take: (from: number, to: number) => void,
  ): "more" | "done" | "broken" {
    let at = from;
    while (at < to) {
      if (this.#state === "data") {
        const end = Math.min(to, at + this.#left);
        take(at, end);
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = "data-end";
        continue;
      }
      const c = bytes[at++] as number;
      if (c !== LF) {
        if (c !== CR) this.#line += String.fromCharCode(c);
        if (this.#line.length > SIZE_LINE_MAX) return "broken";
        continue;
      }
      const line = this.#line;
      this.#line = "";
      if (this.#state === "trailer") {
        if (line === "") return at === to ? "done" : "broken";
      } else if (this.#state === "data-end") {
        if (line !== "") return "broken";
        this.#state = "size";
      } else if (!this.#size(line)) return "broken";
    }
    return "more";
  }

  #size(line: string): boolean {
    const digits = /^([0-9a-fA-F]{1,8})(?:;.*)?$/.exec(line)?.[1];
    if (digits === undefined) return false;
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? "trailer" : "data";
    return true;
  }
}
