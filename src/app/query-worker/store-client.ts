/**
 * The store as the query thread sees it: the storage port over a message port. Selects are asked and answered in
 * messages; columns come ahead of who reads them in order, and a reader that is faster sleeps until the next message,
 * because the storage port hands over columns without waiting.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { assert } from "../../base/assert.ts";
import { type ExitCode, UserError } from "../../base/errors.ts";
import type { Labels } from "../../model/labels.ts";
import type { Matcher } from "../../model/matcher.ts";
import type { SampleColumn, Timestamp } from "../../model/sample.ts";
import type {
  Aggregate,
  Querier,
  Queryable,
  SelectHints,
  Series,
  SeriesColumns,
  SeriesSet,
} from "../../storage/storage.ts";
import { LabelReceiver } from "./label-table.ts";
import type { FromStore, PlainError, PlainMatcher, ToStore } from "./messages.ts";
import { AXES_KEPT } from "./store-server.ts";

/** How long one sleep lasts at most, ms: the next look notices a port that closed. */
const SLEEP_MS = 1_000;

type Batch = FromStore & { readonly kind: "batch" };
type Reply = (FromStore & { readonly kind: "selected" | "named" }) | PlainError;

export interface StoreLink {
  readonly port: MessagePort;
  readonly bell: SharedArrayBuffer;
}

/** One selection's columns of one aggregate, arriving in order. */
class ColumnStream {
  readonly #link: Link;
  readonly #select: number;
  readonly #which: Aggregate | undefined;
  #id = 0;
  #batches: Batch[] = [];
  #offset = 0;
  #row = 0;
  #next = -1;
  readonly #axes = new Map<number, Float64Array>();
  #axisCount = 0;

  constructor(link: Link, select: number, which: Aggregate | undefined) {
    this.#link = link;
    this.#select = select;
    this.#which = which;
  }

  push(batch: Batch): void {
    this.#batches.push(batch);
  }

  leave(): void {
    if (this.#id !== 0) this.#link.dropStream(this.#id);
    this.#id = 0;
  }

  /** Asks for the columns from here on. */
  open(from: number): void {
    this.leave();
    this.#id = this.#link.addStream(this);
    this.#batches = [];
    this.#offset = 0;
    this.#row = 0;
    this.#next = from;
    this.#axes.clear();
    this.#axisCount = 0;
    this.#link.send({ kind: "columns", stream: this.#id, select: this.#select, which: this.#which, from });
  }

  column(index: number): SampleColumn {
    if (index !== this.#next) this.open(index);
    this.#link.until(() => this.#batches.length > 0);
    const batch = this.#batches[0] as Batch;
    if (batch.error !== undefined) throw thrown(batch.error);
    const length = batch.lengths[this.#row] as number;
    const from = this.#offset;
    const column: SampleColumn = {
      t: this.#axis(batch, batch.axisOf[this.#row] as number),
      v: batch.v.subarray(from, from + length),
      from: 0,
      to: length,
      stale: staleOf(batch.stale, from, length),
    };
    this.#offset += length;
    this.#next++;
    if (++this.#row === batch.lengths.length) this.#done(batch);
    return column;
  }

  #axis(batch: Batch, number: number): Float64Array {
    const own = batch.axes[number - this.#axisCount];
    return (number >= this.#axisCount ? own : this.#axes.get(number)) as Float64Array;
  }

  /** Keeps as many time columns as the sender may still name. */
  #done(batch: Batch): void {
    for (const axis of batch.axes) this.#axes.set(this.#axisCount++, axis);
    for (const number of this.#axes.keys()) {
      if (number >= this.#axisCount - AXES_KEPT) break;
      this.#axes.delete(number);
    }
    this.#batches.shift();
    this.#offset = 0;
    this.#row = 0;
    this.#link.send({ kind: "taken", stream: this.#id, bytes: batch.v.byteLength });
  }
}

function staleOf(stale: Uint8Array | undefined, from: number, length: number): Uint8Array | undefined {
  const own = stale?.subarray(from, from + length);
  return own?.includes(1) === true ? own : undefined;
}

function thrown({ code, message, hint, exit }: PlainError): Error {
  if (code === undefined) return new Error(message);
  return new UserError(code, message, { hint, exit: (exit ?? 3) as ExitCode });
}

function plain(matchers: readonly Matcher[]): readonly PlainMatcher[] {
  return matchers.map(({ name, op, value }) => ({ name, op, value }));
}

class Link {
  readonly #port: MessagePort;
  readonly #bell: Int32Array;
  readonly labels = new LabelReceiver();
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #streams = new Map<number, ColumnStream>();
  #numbers = 0;

  constructor({ port, bell }: StoreLink) {
    this.#port = port;
    this.#bell = new Int32Array(bell);
    port.on("message", (message: FromStore) => this.#take(message));
  }

  number(): number {
    return ++this.#numbers;
  }

  send(message: ToStore): void {
    this.#port.postMessage(message, []);
  }

  /** @param read makes of the reply what is wanted, before any message after it is taken. */
  ask<T>(message: ToStore & { readonly id: number }, read: (reply: FromStore) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, (reply) => ("kind" in reply ? resolve(read(reply)) : reject(thrown(reply))));
      this.send(message);
    });
  }

  addStream(stream: ColumnStream): number {
    const id = this.number();
    this.#streams.set(id, stream);
    return id;
  }

  dropStream(id: number): void {
    if (this.#streams.delete(id)) this.send({ kind: "leave", stream: id });
  }

  /** Takes messages, sleeping between them, until this holds. */
  until(holds: () => boolean): void {
    while (!holds()) {
      const seen = Atomics.load(this.#bell, 0);
      const received: { readonly message: FromStore } | undefined = receiveMessageOnPort(this.#port);
      if (received === undefined) Atomics.wait(this.#bell, 0, seen, SLEEP_MS);
      else this.#take(received.message);
    }
  }

  #take(message: FromStore): void {
    switch (message.kind) {
      case "labels":
        return this.labels.take(message);
      case "batch":
        return this.#streams.get(message.stream)?.push(message);
      case "selected":
      case "named":
        return this.#settle(message.id, message);
      case "failed":
        return this.#settle(message.id, message.error);
    }
  }

  #settle(id: number, reply: Reply): void {
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    settle?.(reply);
  }
}

/** A selection's series; objects only for those who want them. */
class PortSeries implements SeriesSet {
  readonly sorted = true;
  readonly resolutionMs: number;
  readonly warnings: readonly string[];
  readonly columns?: SeriesColumns;
  readonly #labels: readonly Labels[];
  readonly #streams: Streams;
  readonly #aggregates: boolean;
  #series: readonly Series[] | undefined;

  constructor(
    labels: readonly Labels[],
    streams: Streams,
    aggregates: boolean,
    { resolutionMs, warnings }: Pick<SeriesSet, "resolutionMs" | "warnings">,
  ) {
    this.#labels = labels;
    this.#streams = streams;
    this.#aggregates = aggregates;
    this.resolutionMs = resolutionMs;
    this.warnings = warnings;
    if (!aggregates) this.columns = { labels, samples: (index) => streams.of(undefined).column(index) };
  }

  get series(): readonly Series[] {
    this.#series ??= this.#labels.map((labels, i): Series => {
      const one = { labels, samples: () => this.#streams.of(undefined).column(i) };
      return this.#aggregates ? { ...one, aggregate: (which) => this.#streams.of(which).column(i) } : one;
    });
    return this.#series;
  }
}

/** The streams of one selection. */
class Streams {
  readonly #link: Link;
  readonly #select: number;
  readonly #known = new Map<Aggregate | undefined, ColumnStream>();

  constructor(link: Link, select: number) {
    this.#link = link;
    this.#select = select;
  }

  of(which: Aggregate | undefined): ColumnStream {
    let stream = this.#known.get(which);
    if (stream === undefined) this.#known.set(which, (stream = new ColumnStream(this.#link, this.#select, which)));
    return stream;
  }

  leave(): void {
    for (const stream of this.#known.values()) stream.leave();
  }
}

class PortQuerier implements Querier {
  readonly #link: Link;
  readonly #minT: Timestamp;
  readonly #maxT: Timestamp;
  readonly #number: number;
  readonly #selections: Streams[] = [];

  constructor(link: Link, minT: Timestamp, maxT: Timestamp) {
    this.#link = link;
    this.#minT = minT;
    this.#maxT = maxT;
    this.#number = link.number();
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesSet> {
    const id = this.#link.number();
    const asked = plain(matchers);
    const range = { querier: this.#number, minT: this.#minT, maxT: this.#maxT };
    const { reply, list } = await this.#link.ask(
      { kind: "select", id, ...range, matchers: asked, hints },
      (message) => {
        assert(message.kind === "selected", "a select is answered by a selection");
        const question = JSON.stringify(asked);
        return { reply: message, list: this.#link.labels.list(question, message.labels, message.sorted) };
      },
    );
    const { resolutionMs, warnings, aggregates } = reply;
    if (list.order !== undefined) this.#link.send({ kind: "order", select: id, order: list.order });
    const streams = new Streams(this.#link, id);
    this.#selections.push(streams);
    // Who selects reads, mostly everything: the first columns come while labels are looked at.
    if (hints.labelsOnly !== true && !aggregates && list.labels.length > 0) streams.of(undefined).open(0);
    return new PortSeries(list.labels, streams, aggregates, { resolutionMs, warnings });
  }

  labelNames(matchers: readonly Matcher[]): Promise<readonly string[]> {
    return this.#names(undefined, matchers);
  }

  labelValues(name: string, matchers: readonly Matcher[]): Promise<readonly string[]> {
    return this.#names(name, matchers);
  }

  #names(label: string | undefined, matchers: readonly Matcher[]): Promise<readonly string[]> {
    const id = this.#link.number();
    const range = { minT: this.#minT, maxT: this.#maxT };
    return this.#link.ask({ kind: "names", id, ...range, label, matchers: plain(matchers) }, (message) => {
      assert(message.kind === "named", "names are answered by names");
      return message.texts;
    });
  }

  [Symbol.dispose](): void {
    for (const streams of this.#selections) streams.leave();
    this.#link.send({ kind: "close", querier: this.#number });
  }
}

export function portQueryable(store: StoreLink): Queryable {
  const link = new Link(store);
  return { querier: (minT, maxT) => new PortQuerier(link, minT, maxT) };
}
