/** Files and standard input as lines: gzip and zstd are seen by their first bytes, line length is bounded. */
import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs";
import type { Duplex, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { systemReason, unreadable } from "../base/system-error.ts";

/** Room for a few label values of 4 MiB. */
const LINE_CHARACTERS_MAX = 32 * 1024 * 1024;
/** The last line of OpenMetrics text. */
const END_LINE = "# EOF";
const GZIP = "1f8b";
const ZSTD = "28b52ffd";
/** First bytes of an index, of a segment of chunks and of tombstones. */
const BLOCK_FILES: ReadonlySet<string> = new Set(["baaad700", "85bd40dd", "0130ba30"]);
/** Looked at for NULs. */
const BINARY_BYTES = 1024;

/** What was wrong with an input itself, filled while its lines are read. */
export class InputTroubles {
  /** Lines that were not handed over, with reasons. */
  readonly lines: { readonly line: number; readonly text: string }[] = [];
  /** Why reading ended early; the lines before were handed over. */
  failure: string | undefined;
  /** "# EOF" was seen. */
  ended = false;

  add(line: number, text: string): void {
    this.lines.push({ line, text });
  }
}

export interface TextInput {
  /** For messages. */
  readonly name: string;
  /** 0 when unknown. */
  readonly sizeBytes: number;
  readonly troubles: InputTroubles;
  readonly lines: (onBytes: (bytes: number) => void) => AsyncGenerator<string>;
}

/** @param file "-" for standard input. @throws UserError `unreadable`. */
export function openText(file: string): TextInput {
  const troubles = new InputTroubles();
  if (file === "-") {
    const lines = (tell: (bytes: number) => void): AsyncGenerator<string> =>
      linesOf(process.stdin, "-", troubles, false, tell);
    return { name: "standard input", sizeBytes: 0, troubles, lines };
  }
  let sizeBytes = 0;
  let isFile = false;
  try {
    const stat = statSync(file);
    sizeBytes = stat.size;
    isFile = stat.isFile();
  } catch (cause) {
    throw unreadable(file, cause);
  }
  return {
    name: file,
    sizeBytes,
    troubles,
    lines: (tell) => linesOf(createReadStream(file), file, troubles, isFile, tell),
  };
}

async function* counted(first: Buffer, rest: AsyncIterator<Buffer>, tell: (bytes: number) => void) {
  let bytes = first.length;
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    bytes += next.value.length;
    tell(bytes);
    yield next.value;
  }
}

function inflaterOf(magic: string): (Duplex & AsyncIterable<Buffer>) | undefined {
  return magic.startsWith(GZIP) ? createGunzip() : magic === ZSTD ? createZstdDecompress() : undefined;
}

/**
 * Reads a compressed file once for its checksum alone, which stands behind the data: else wrong samples were taken before
 * it is known that they are wrong. One that is cut short is no matter here: what it has is sound.
 *
 * @throws UserError `bad-input` for a damaged one.
 */
async function mustBeSound(file: string): Promise<void> {
  const start = Buffer.alloc(4);
  const fd = openSync(file, "r");
  try {
    readSync(fd, start, 0, start.length, 0);
  } finally {
    closeSync(fd);
  }
  const inflate = inflaterOf(start.toString("hex"));
  if (inflate === undefined) return;
  const { pipeline } = await import("node:stream/promises");
  try {
    await pipeline(createReadStream(file), inflate, async (bytes: AsyncIterable<Buffer>) => {
      for await (const _ of bytes);
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "Z_BUF_ERROR") return;
    throw new UserError("bad-input", `"${file}" is damaged: ${systemReason(cause)}`, {
      hint: "nothing of it was taken; fetch it again, or unpack what can be unpacked and import that",
      cause,
    });
  }
}

/** Text has no NUL; a file of a block or an archive has one early. */
function mustBeText(start: Buffer, name: string): void {
  if (!start.subarray(0, BINARY_BYTES).includes(0)) return;
  const magic = start.subarray(0, 4).toString("hex");
  throw new UserError("bad-input", `${name}: this is not text`, {
    hint: BLOCK_FILES.has(magic)
      ? "it is a file of a block of Prometheus: name the block's directory, or the one around it"
      : "write OpenMetrics text, plain or compressed with gzip or zstd; unpack archives first",
  });
}

async function plainText(raw: Readable, name: string, tell: (bytes: number) => void): Promise<AsyncIterable<Buffer>> {
  const chunks = (raw as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done === true) return raw;
  const all = counted(first.value, chunks, tell);
  const magic = first.value.subarray(0, 4).toString("hex");
  if (magic !== ZSTD && !magic.startsWith(GZIP)) mustBeText(first.value, name);
  const inflate = inflaterOf(magic);
  if (inflate === undefined) return all;
  const { pipeline } = await import("node:stream");
  pipeline(all, inflate, () => undefined);
  return inflate as AsyncIterable<Buffer>;
}

/** Cuts text into lines; one that is too long is passed over, not kept. */
class LineCutter {
  number = 0;
  #pieces: string[] = [];
  #length = 0;
  readonly #troubles: InputTroubles;

  constructor(troubles: InputTroubles) {
    this.#troubles = troubles;
  }

  #keep(piece: string): void {
    this.#length += piece.length;
    if (this.#length <= LINE_CHARACTERS_MAX) this.#pieces.push(piece);
    else this.#pieces = [];
  }

  /** The line begun earlier, ended here. Too long: an empty one, so that numbers go on. */
  #end(piece: string): string {
    this.#keep(piece);
    this.number++;
    const line = this.#pieces.join("");
    if (this.#length > LINE_CHARACTERS_MAX)
      this.#troubles.add(this.number, `the line is longer than ${LINE_CHARACTERS_MAX} characters`);
    this.#pieces = [];
    this.#length = 0;
    if (line.trimEnd() === END_LINE) this.#troubles.ended = true;
    return line;
  }

  *take(text: string): Generator<string> {
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      yield this.#end(text.slice(from, end));
      from = end + 1;
    }
    if (from < text.length) this.#keep(text.slice(from));
  }

  /** What stands behind the last line end is whole only where nothing can be missing from it. */
  *last(): Generator<string> {
    if (this.#length === 0) return;
    const line = this.#end("");
    if (line.trim() === "" || line.startsWith("#")) yield line;
    else this.#troubles.add(this.number, "the input ends within this line");
  }
}

async function* linesOf(
  raw: Readable,
  name: string,
  troubles: InputTroubles,
  check: boolean,
  tell: (bytes: number) => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const cutter = new LineCutter(troubles);
  try {
    if (check) await mustBeSound(name);
    for await (const chunk of await plainText(raw, name, tell))
      yield* cutter.take(decoder.decode(chunk, { stream: true }));
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const failure = `cannot read "${name}" behind line ${cutter.number}: ${systemReason(cause)}`;
    if (cutter.number === 0) throw new UserError("unreadable", failure, { cause });
    troubles.failure = failure;
    return;
  }
  yield* cutter.take(decoder.decode());
  yield* cutter.last();
}
