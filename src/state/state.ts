/**
 * The state port: small durable records (alert states, outbox, silences, journal, queue positions). Keys sort
 * by UTF-8 bytes; a batch is atomic and, when it resolves, survives a power cut.
 */

/** What goes with a state that is lost, for a sentence. */
export const STATE_HOLDS = "alert states, silences, messages still to be sent and the journal";

export type StateOp =
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  | { readonly kind: "del"; readonly key: string };

export interface ScanRange {
  /** First key, included. */
  readonly gte?: string;
  /** End, excluded. */
  readonly lt?: string;
  readonly reverse?: boolean;
  /** At most so many records. */
  readonly limit?: number;
}

export interface StateStore {
  /** @throws UserError `state-damaged` when the record fails its checksum; the key is named. */
  get(key: string): Promise<string | undefined>;
  /** All or nothing, synced to disk. */
  batch(ops: readonly StateOp[]): Promise<void>;
  /** A damaged record is passed over and counted in `damaged()`. */
  scan(range: ScanRange): AsyncIterable<readonly [key: string, value: string]>;
  /** Keys whose records failed their checksum since opening; at most 1,000 are remembered. */
  damaged(): readonly string[];
  close(): Promise<void>;
}
