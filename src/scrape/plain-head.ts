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

/** A head that was read, and where in it stands what may change from one answer to the next. */
interface KnownHead {
  readonly bytes: Uint8Array;
  readonly head: AnswerHead;
  /** From, to of the digits of content-length, and of the date; empty ranges where there is none. */
  readonly length: readonly [from: number, to: number];
  readonly date: readonly [from: number, to: number];
}

function valueRange(text: string, name: string): readonly [number, number] {
  const at = text.toLowerCase().indexOf(`\r\n${name}:`);
  if (at < 0) return [0, 0];
  let from = at + name.length + 3;
  while (text[from] === " ") from++;
  return [from, text.indexOf("\r\n", from)];
}

/**
 * Reads heads of one connection. A server sends the same head again and again, but for its date and the body's length:
 * such a head is compared instead of read.
 */
export class HeadReader {
  #known: KnownHead | undefined;
  #text = "";

  /**
   * @returns the head, whose `end` counts from the start of these bytes; undefined while it is incomplete; "unknown" for
   *   what is left to others.
   */
  read(bytes: Buffer, size: number): AnswerHead | "unknown" | undefined {
    if (this.#text === "") {
      const again = this.#again(bytes, size);
      if (again !== undefined) return again;
    }
    const before = this.#text.length;
    // A body that came along must not become text.
    const stop = bytes.indexOf(HEAD_END);
    this.#text += bytes.toString("latin1", 0, stop >= 0 && stop < size ? stop + HEAD_END.length : size);
    const head = readHead(this.#text, before);
    if (head === undefined) return undefined;
    const text = this.#text;
    this.#text = "";
    if (head === "unknown") return head;
    if (head.status === 200) this.#keep(text.slice(0, head.end), head);
    return { ...head, end: head.end - before };
  }

  /** Forgets a head that is half read. */
  reset(): void {
    this.#text = "";
  }

  #keep(text: string, head: AnswerHead): void {
    const [length, date] = [valueRange(text, "content-length"), valueRange(text, "date")];
    // A copy: a short buffer is a slice of 64 KB, and each connection would keep some alive.
    this.#known = { bytes: Uint8Array.from(Buffer.from(text, "latin1")), head, length, date };
  }

  #again(bytes: Buffer, size: number): AnswerHead | undefined {
    const known = this.#known;
    if (known === undefined || size < known.bytes.length) return undefined;
    const { head, bytes: old, length, date } = known;
    for (let i = 0; i < old.length; i++) {
      if (bytes[i] === old[i]) continue;
      if (i >= date[0] && i < date[1] && (bytes[i] as number) >= SPACE) continue;
      if (i >= length[0] && i < length[1] && isDigit(bytes[i] as number)) continue;
      return undefined;
    }
    if (head.chunked) return head;
    let told = 0;
    for (let i = length[0]; i < length[1]; i++) {
      if (!isDigit(bytes[i] as number)) return undefined;
      told = told * 10 + (bytes[i] as number) - 0x30;
    }
    return told === head.length ? head : { ...head, length: told };
  }
}

const HEAD_END = Buffer.from("\r\n\r\n");
const SPACE = 0x20;

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
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
