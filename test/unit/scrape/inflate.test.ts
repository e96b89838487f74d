/** Gzip bodies into lent memory: the same bytes as zlib's own way, and its refusals, whatever comes in whatever order. */
import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inflate } from "../../../src/scrape/inflate.ts";
import { PageBuffers } from "../../../src/scrape/page-buffers.ts";

const LIMIT = 100_000;
const page = gzipSync("up 1\n".repeat(1_000));
const flipped = (at: number): Buffer => {
  const copy = Buffer.from(page);
  copy[at] = (copy[at] as number) ^ 0x10;
  return copy;
};

const bodies: readonly (readonly [body: Buffer, why: string])[] = [
  [page, "a page"],
  [gzipSync(""), "nothing"],
  [gzipSync("x"), "one byte"],
  [gzipSync(Buffer.alloc(LIMIT)), "just as large as allowed"],
  [gzipSync(Buffer.alloc(LIMIT + 1)), "one byte too many"],
  [gzipSync(Buffer.alloc(50_000_000)), "a bomb"],
  [Buffer.concat([page, page]), "two members"],
  [Buffer.concat([page, Buffer.from("garbage behind it")]), "garbage behind it"],
  [page.subarray(0, -1), "a trailer that is cut"],
  [page.subarray(0, 30), "a body that is cut"],
  [page.subarray(0, 5), "a header that is cut"],
  [Buffer.alloc(0), "no byte at all"],
  [Buffer.alloc(40), "zeros"],
  [flipped(0), "no gzip"],
  [flipped(15), "a flipped bit in the data"],
  [flipped(page.length - 6), "a flipped bit in the checksum"],
  [flipped(page.length - 2), "a trailer that says another size"],
  [flipped(page.length - 4), "a trailer that says a little more"],
];

/** Text, or the code of the error. */
function outcome(read: () => Uint8Array): string {
  try {
    return Buffer.from(read()).toString("latin1");
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

const own = (body: Buffer, buffers = new PageBuffers()): string =>
  outcome(() => {
    const lent = inflate(body, LIMIT, buffers);
    const copy = Buffer.from(lent.bytes);
    lent.release();
    return copy;
  });
const zlibs = (body: Buffer): string => outcome(() => gunzipSync(body, { maxOutputLength: LIMIT }));

describe("a body", () => {
  test.each(bodies.map(([body, why]) => [why, body] as const))("%s", (_, body) => {
    expect(own(body)).toBe(zlibs(body));
    expect(own(page), "the next one is not harmed").toBe("up 1\n".repeat(1_000));
  });

  test("any order of any bodies", () => {
    const buffers = new PageBuffers();
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...bodies.map(([body]) => body)), { maxLength: 6 }), (list) => {
        for (const body of list) expect(own(body, buffers)).toBe(zlibs(body));
      }),
      { numRuns: 50 },
    );
  });

  test("two that are lent at once do not share memory", () => {
    const buffers = new PageBuffers();
    const first = inflate(page, LIMIT, buffers);
    const second = inflate(gzipSync("other ".repeat(900)), LIMIT, buffers);
    expect(first.bytes.toString()).toBe("up 1\n".repeat(1_000));
    expect(second.bytes.toString()).toBe("other ".repeat(900));
  });
});
