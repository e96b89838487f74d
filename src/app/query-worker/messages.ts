/**
 * What the main thread and the query thread say to each other, over two ports: one for questions and answers, one for
 * the store. Arrays are transferred, not copied, except where said. Nothing here is written to a disk or a wire.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { MessagePort } from "node:worker_threads";
import type { Aggregate, SelectHints } from "../../storage/storage.ts";
import type { MatchOp } from "../../model/matcher.ts";

/** Bytes of an answer under way between the threads: the client's own pace is felt soon after. */
export const SENT_AHEAD_BYTES: number = 2 * 1024 * 1024;

/** What the thread is started with. */
export interface ThreadData {
  readonly kind: "opsmon-query-thread";
  readonly store: MessagePort;
  /** [0] counts the messages on `store`: a thread that waits for columns sleeps on it. */
  readonly bell: SharedArrayBuffer;
  /** Half of what the thread dies of: queries are ended with an answer before it is. */
  readonly heapMb: number;
  readonly engine: {
    readonly features: readonly string[];
    readonly timeoutMs: number;
    readonly maxSamples: number | undefined;
    readonly lookbackMs: number | undefined;
  };
}

/** Main thread to query thread. */
export type ToThread =
  | {
      readonly kind: "ask";
      readonly id: number;
      readonly method: string;
      readonly url: string;
      readonly headers: IncomingHttpHeaders;
      readonly body: Uint8Array;
      /** What is left for the evaluation when it waited for its turn. */
      readonly timeoutMs: number | undefined;
      readonly external: readonly (readonly [string, string])[];
      readonly nativeHistograms: readonly string[];
    }
  /** The client reads: so many more bytes may be sent. */
  | { readonly kind: "more"; readonly id: number; readonly bytes: number }
  | { readonly kind: "cancel"; readonly id: number }
  /** Old samples came in: remembered answers are wrong. */
  | { readonly kind: "forget" };

/** Query thread to main thread. */
export type FromThread =
  | { readonly kind: "ready" }
  | {
      readonly kind: "answer";
      readonly id: number;
      readonly status: number;
      readonly type: string;
      readonly encoding: string | undefined;
      readonly headers: Readonly<Record<string, string>> | undefined;
    }
  | { readonly kind: "piece"; readonly id: number; readonly bytes: Uint8Array }
  /** @property error why the answer is not whole. */
  | { readonly kind: "end"; readonly id: number; readonly error: string | undefined };

export interface PlainMatcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

/** Query thread to store. `querier` and `id` are numbers the thread gives out. */
export type ToStore =
  | {
      readonly kind: "select";
      readonly id: number;
      readonly querier: number;
      readonly minT: number;
      readonly maxT: number;
      readonly matchers: readonly PlainMatcher[];
      readonly hints: SelectHints;
    }
  | {
      readonly kind: "names";
      readonly id: number;
      readonly minT: number;
      readonly maxT: number;
      /** Undefined asks for label names. */
      readonly label: string | undefined;
      readonly matchers: readonly PlainMatcher[];
    }
  /** The thread reads a selection's series in this order. */
  | { readonly kind: "order"; readonly select: number; readonly order: Uint32Array }
  /** Columns of a selection from one series on; ends the stream of the same selection and aggregate before it. */
  | {
      readonly kind: "columns";
      readonly stream: number;
      readonly select: number;
      readonly which: Aggregate | undefined;
      readonly from: number;
    }
  /** Bytes of a stream that were taken. */
  | { readonly kind: "taken"; readonly stream: number; readonly bytes: number }
  | { readonly kind: "leave"; readonly stream: number }
  /** The querier was disposed. */
  | { readonly kind: "close"; readonly querier: number };

export interface PlainError {
  /** Undefined: a bug, not the world. */
  readonly code: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly exit: number | undefined;
}

/** Store to query thread. */
export type FromStore =
  /** New label sets, numbered on from the last; `restart` forgets all before. */
  | {
      readonly kind: "labels";
      readonly restart: boolean;
      readonly texts: readonly string[];
      /** For each set: how many texts, then their numbers. */
      readonly sets: Uint32Array;
    }
  | {
      readonly kind: "selected";
      readonly id: number;
      readonly labels: Uint32Array;
      readonly sorted: boolean;
      readonly resolutionMs: number;
      readonly aggregates: boolean;
      readonly warnings: readonly string[];
    }
  | { readonly kind: "named"; readonly id: number; readonly texts: readonly string[] }
  | { readonly kind: "failed"; readonly id: number; readonly error: PlainError }
  | {
      readonly kind: "batch";
      readonly stream: number;
      /** First series; the others follow. */
      readonly first: number;
      /** Samples of each series. */
      readonly lengths: Uint32Array;
      /** Number of each series' time column; those not sent before are in `axes`, in order. */
      readonly axisOf: Uint32Array;
      readonly axes: readonly Float64Array[];
      /** All values, one series after the other. */
      readonly v: Float64Array;
      readonly stale: Uint8Array | undefined;
      readonly error: PlainError | undefined;
    };
