/** The room's front door: remote write 1.0 and 2.0, and remote read as snappy-compressed bytes, both ways. */
export type { ReadQuery, ReadRequest, ReadResponse, RemoteMatcher, RemoteSeries, WriteRequest } from "./message.ts";
export { decodeReadRequest, decodeReadResponse, encodeReadRequest, encodeReadResponse } from "./read.ts";
export { appendWriteRequest, decodeWriteRequest, encodeWriteRequest } from "./write.ts";
export { decodeWriteRequest2 } from "./write2.ts";

/** Content type and encoding of every message. */
export const REMOTE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "application/x-protobuf",
  "Content-Encoding": "snappy",
};
