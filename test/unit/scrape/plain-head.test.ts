/** Heads of one connection: comparing with the last one must say what reading says, whatever the second one is. */
import { expect, test } from "vitest";
import { type AnswerHead, HeadReader } from "../../../src/scrape/plain-head.ts";

const head = (length: string, date = "Fri, 20 Nov 2026 12:00:00 GMT", more = ""): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: ${date}\r\nContent-Length: ${length}\r\n${more}\r\n`;

function read(reader: HeadReader, text: string, body = "up 1\n"): AnswerHead | "unknown" | undefined {
  // What an earlier read left in the buffer stands behind.
  const bytes = Buffer.from(`${text}${body}\r\n\r\nleft over`, "latin1");
  return reader.read(bytes, text.length + body.length);
}

const first = head("1234");
const seconds: readonly (readonly [second: string, why: string])[] = [
  [first, "the same again"],
  [head("5678"), "another length of as many digits"],
  [head("987"), "fewer digits"],
  [head("98765"), "more digits"],
  [head("1234", "Sat, 21 Nov 2026 12:00:01 GMT"), "another day"],
  [head("12x4"), "no digit in the length"],
  [head("12 4"), "a blank in the length"],
  [head("1234", "Fri, 20 Nov 2026 12:00\r\nTransfer-Encoding: chunked\r\n"), "a line within the date"],
  [head("1234", "Fri, 20 Nov 2026\r\nA: \r\nB: z"), "lines as long as the date"],
  [head("1234", undefined, "Content-Encoding: gzip\r\n"), "another header"],
  [head("1234").replace("200 OK", "500 OK"), "another status"],
  [head("1234").replace("text/plain", "text/html!"), "another type, as long"],
  [head("1234").replace("Content-Length", "Xontent-Length"), "no length any more"],
  [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`, "chunks"],
];

test.each(seconds)("%j (%s)", (second) => {
  const reader = new HeadReader();
  expect(read(reader, first)).toMatchObject({ length: 1234, end: first.length });
  expect(read(reader, second)).toEqual(read(new HeadReader(), second));
  expect(read(reader, first), "and back").toEqual(read(new HeadReader(), first));
});

test("a head in pieces is read, and the next one is compared with it", () => {
  const reader = new HeadReader();
  const [front, back] = [first.slice(0, 20), first.slice(20)];
  expect(reader.read(Buffer.from(front), front.length)).toBeUndefined();
  expect(reader.read(Buffer.from(back), back.length)).toMatchObject({ length: 1234, end: back.length });
  expect(read(reader, head("4321"))).toMatchObject({ length: 4321, end: first.length });
  expect(reader.read(Buffer.from(front), front.length)).toBeUndefined();
  reader.reset();
  expect(read(reader, head("1111"))).toMatchObject({ length: 1111, end: first.length });
});
