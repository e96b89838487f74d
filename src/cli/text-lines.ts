/** Files and standard input as lines: gzip and zstd are seen by their first bytes, line length is bounded. */
import { createReadStream, statSync } from "node:fs";
import type { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { systemReason, unreadable } from "../base/system-error.ts";

/** Room for a few label values of 4 MiB. */
const LINE_CHARACTERS_MAX = 32 * 1024 * 1024;
const GZIP = "1f8b";
const ZSTD = "28b52ffd";
/** First bytes of an index, of a segment of chunks and of tombstones. */
const BLOCK_FILES: ReadonlySet<string> = new Set(["baaad700", "85bd40dd", "0130ba30"]);
/** Looked at for NULs. */
const BINARY_BYTES = 1024;

export interface TextInput {
  /** For messages. */
  readonly name: string;
  /** 0 when unknown. */
  readonly sizeBytes: number;
  readonly lines: (onBytes: (bytes: number) => void) => AsyncGenerator<string>;
}

/** @param file "-" for standard input. @throws UserError `unreadable`. */
export function openText(file: string): TextInput {
  if (file === "-") return { name: "standard input", sizeBytes: 0, lines: (tell) => linesOf(process.stdin, "-", tell) };
  let sizeBytes = 0;
  try {
    sizeBytes = statSync(file).size;
  } catch (cause) {
    throw unreadable(file, cause);
  }
  return { name: file, sizeBytes, lines: (tell) => linesOf(createReadStream(file), file, tell) };
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
  const inflate = magic.startsWith(GZIP) ? createGunzip() : magic === ZSTD ? createZstdDecompress() : undefined;
  if (inflate === undefined) return all;
  const { pipeline } = await import("node:stream");
  pipeline(all, inflate, () => undefined);
  return inflate as AsyncIterable<Buffer>;
}

async function* linesOf(raw: Readable, name: string, tell: (bytes: number) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let number = 0;
  try {
    for await (const chunk of await plainText(raw, name, tell)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      number += lines.length;
      yield* lines;
      if (rest.length > LINE_CHARACTERS_MAX)
        throw new UserError("bad-input", `${name}:${number + 1}: the line is longer than ${LINE_CHARACTERS_MAX} bytes`);
    }
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError("unreadable", `cannot read "${name}" behind line ${number}: ${systemReason(cause)}`, { cause });
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
