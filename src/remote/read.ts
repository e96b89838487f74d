/**
 * Remote read with sampled answers: compressed bytes to queries and results and back.
 * @see https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/
 */
import type { MatchOp } from "../model/matcher.ts";
import type { ReadQuery, ReadRequest, ReadResponse, RemoteMatcher, RemoteSeries } from "./message.ts";
import { UserError } from "../base/errors.ts";
import { ProtoReader, ProtoWriter } from "./protobuf.ts";
import { checkLabels, readSeries, writeSeries } from "./series.ts";
import { snappyDecode, snappyEncode } from "./snappy.ts";

/** A request is a few matchers; a regular expression of names may have some KB. */
export const READ_REQUEST_BYTES_MAX: number = 4 * 1024 * 1024;
/** An answer: some 8 million samples. */
export const READ_RESPONSE_BYTES_MAX: number = 256 * 1024 * 1024;
/** Prometheus sends one query a request. */
const QUERIES_MAX = 1_000;

/** By the number on the wire. */
const OPS: readonly MatchOp[] = ["=", "!=", "=~", "!~"];

/** @throws UserError `bad-snappy`, `body-limit`, `bad-protobuf`. */
export function decodeReadRequest(compressed: Uint8Array): ReadRequest {
  const reader = new ProtoReader(snappyDecode(compressed, READ_REQUEST_BYTES_MAX));
  const queries: ReadQuery[] = [];
  while (reader.next()) {
    if (reader.field !== 1) reader.skip();
    else if (queries.length >= QUERIES_MAX) throw new UserError("body-limit", `more than ${QUERIES_MAX} queries`);
    else queries.push(readQuery(reader));
  }
  return { queries };
}

function readQuery(reader: ProtoReader): ReadQuery {
  const around = reader.enter();
  let start = 0;
  let end = 0;
  const matchers: RemoteMatcher[] = [];
  let hints = { stepMs: 0, rangeMs: 0, func: "" };
  while (reader.next()) {
    if (reader.field === 1) start = reader.int64();
    else if (reader.field === 2) end = reader.int64();
    else if (reader.field === 3) matchers.push(readMatcher(reader));
    else if (reader.field === 4) hints = readHints(reader);
    else reader.skip();
  }
  reader.leave(around);
  return { start, end, matchers, ...hints };
}

function readMatcher(reader: ProtoReader): RemoteMatcher {
  const around = reader.enter();
  let op: MatchOp = "=";
  let name = "";
  let value = "";
  while (reader.next()) {
    if (reader.field === 1) {
      const code = reader.number();
      const known = OPS[code];
      if (known === undefined) throw new UserError("bad-protobuf", `${code} is not a kind of matcher`);
      op = known;
    } else if (reader.field === 2) name = reader.text();
    else if (reader.field === 3) value = reader.text();
    else reader.skip();
  }
  reader.leave(around);
  return { name, op, value };
}

function readHints(reader: ProtoReader): { stepMs: number; rangeMs: number; func: string } {
  const around = reader.enter();
  const hints = { stepMs: 0, rangeMs: 0, func: "" };
  while (reader.next()) {
    if (reader.field === 1) hints.stepMs = reader.int64();
    else if (reader.field === 2) hints.func = reader.text();
    else if (reader.field === 7) hints.rangeMs = reader.int64();
    else reader.skip();
  }
  reader.leave(around);
  return hints;
}

export function encodeReadRequest(request: ReadRequest): Uint8Array {
  const writer = new ProtoWriter();
  for (const query of request.queries) {
    writer.message(1, (inner) => {
      inner.int64(1, query.start).int64(2, query.end);
      for (const { name, op, value } of query.matchers) {
        inner.message(3, (matcher) => void matcher.int64(1, OPS.indexOf(op)).text(2, name).text(3, value));
      }
      inner.message(4, (hints) => {
        hints.int64(1, query.stepMs).text(2, query.func).int64(3, query.start).int64(4, query.end);
        hints.int64(7, query.rangeMs);
      });
    });
  }
  return snappyEncode(writer.finish());
}

/** @throws UserError `bad-snappy`, `body-limit`, `bad-protobuf`. */
export function decodeReadResponse(compressed: Uint8Array): ReadResponse {
  const reader = new ProtoReader(snappyDecode(compressed, READ_RESPONSE_BYTES_MAX));
  const results: (readonly RemoteSeries[])[] = [];
  while (reader.next()) {
    if (reader.field === 1) results.push(readResult(reader));
    else reader.skip();
  }
  return { results };
}

function readResult(reader: ProtoReader): readonly RemoteSeries[] {
  const around = reader.enter();
  const series: RemoteSeries[] = [];
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const { pairs, t, v, stale } = readSeries(reader);
    const labels = checkLabels(pairs, false);
    if (typeof labels === "string") throw new UserError("bad-protobuf", `the answer is broken: ${labels}`);
    series.push({ labels, t, v, stale });
  }
  reader.leave(around);
  return series;
}

export function encodeReadResponse(response: ReadResponse): Uint8Array {
  const writer = new ProtoWriter();
  for (const result of response.results) {
    writer.message(1, (inner) => {
      for (const series of result) inner.message(1, (one) => writeSeries(one, series));
    });
  }
  return snappyEncode(writer.finish());
}
