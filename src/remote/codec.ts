/** Signatures of the remote write 1.0 and remote read codecs: snappy-compressed bytes to messages and back. */
import type { AppendResult, Appender } from "../storage/storage.ts";
import type { ReadRequest, ReadResponse, WriteRequest } from "./message.ts";
import type { Metadata } from "../model/metadata.ts";
import type { RemoteSeries } from "./message.ts";

/** Content type and encoding of every message. */
export const REMOTE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "application/x-protobuf",
  "Content-Encoding": "snappy",
};
export declare function decodeWriteRequest(compressed: Uint8Array): WriteRequest;
export declare function encodeWriteRequest(
  series: readonly RemoteSeries[],
  metadata?: ReadonlyMap<string, Metadata>,
): Uint8Array;
export declare function decodeReadRequest(compressed: Uint8Array): ReadRequest;
export declare function encodeReadRequest(request: ReadRequest): Uint8Array;
export declare function decodeReadResponse(compressed: Uint8Array): ReadResponse;
export declare function encodeReadResponse(response: ReadResponse): Uint8Array;
/** Writes a request's rows; stale markers go through `appendStale`. The caller commits. */
export declare function appendWriteRequest(request: WriteRequest, appender: Appender): void;
export type { AppendResult };
