/**
 * An answer's body as bytes: inflated when it is gzip, never longer than its limit in memory.
 *
 * The limit holds for what comes over the wire and for what it inflates to, while it inflates: a bomb of 256 MiB in
 * 0.3 MiB is given up at the limit and its connection closed. A shared budget bounds all bodies in flight together.
 */
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { UserError } from "../base/errors.ts";

/** Largest page unless the job says otherwise: 30 times the largest page we have met (50,000 samples, 2 MB). */
export const BODY_BYTES_MAX: number = 64 * 1024 * 1024;
/** All bodies in flight together; beyond it a scrape fails rather than the machine. */
export const BODIES_BYTES_MAX: number = 256 * 1024 * 1024;
/** Output of one inflate step: large enough to cost few calls, small enough to stop soon. */
const INFLATE_CHUNK_BYTES = 64 * 1024;

/** Bytes that bodies in flight hold. */
export class BodyBudget {
  #left: number;

  constructor(bytesMax: number = BODIES_BYTES_MAX) {
    this.#left = bytesMax;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/** 67108864 → "64 MiB"; whole units only, so a limit is shown as it was set. */
export function formatLimit(bytes: number): string {
  if (bytes % (1024 * 1024) === 0) return `${bytes / (1024 * 1024)} MiB`;
  return bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} bytes`;
}

/**
 * Reads a body to its end.
 *
 * @param progress is told the inflated bytes so far.
 * @throws UserError `body-limit`, `body-encoding`; errors of the stream as they are.
 */
export async function readBody(
  body: Readable,
  encoding: string | undefined,
  limitBytes: number,
  budget: BodyBudget,
  progress: (bytes: number) => void,
): Promise<Buffer> {
  const coding = (encoding ?? "").trim().toLowerCase();
  const stream = decoded(body, coding);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (size + chunk.length > limitBytes) {
        throw new UserError("body-limit", `the body is larger than ${formatLimit(limitBytes)}`, {
          hint: "see body_size_limit of the job",
        });
      }
      if (!budget.take(chunk.length)) {
        throw new UserError(
          "body-limit",
          `bodies of all targets together are larger than ${formatLimit(BODIES_BYTES_MAX)}`,
        );
      }
      size += chunk.length;
      chunks.push(chunk);
      progress(size);
    }
    // Always a copy: the parser keeps the page, and a chunk of one KB may hold on to 64 KB of socket buffer.
    return Buffer.concat(chunks, size);
  } finally {
    budget.give(size);
    stream.destroy();
    body.destroy();
  }
}

function decoded(body: Readable, coding: string): Readable {
  // RabbitMQ says "identity" out loud.
  if (coding === "" || coding === "identity") return body;
  if (coding !== "gzip" && coding !== "x-gzip") {
    body.destroy();
    throw new UserError("body-encoding", `the body is encoded as "${coding.slice(0, 40)}", which was not asked for`);
  }
  const gunzip = createGunzip({ chunkSize: INFLATE_CHUNK_BYTES });
  body.on("error", (error) => gunzip.destroy(error));
  return body.pipe(gunzip);
}
