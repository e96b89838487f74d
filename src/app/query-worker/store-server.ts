/**
 * The store's end of the port: answers a thread's selects out of a Queryable of this thread. Selections stay here with
 * what they hold on to; columns are decoded when the thread comes near them and sent ahead of it, so that both work at
 * the same time and neither holds all of a large selection. Every loop gives way to scrapes.
 */
import { UserError, errorText } from "../../base/errors.ts";
import { nextTurn, overdue } from "../../base/turns.ts";
import { createMatcher, type Matcher } from "../../model/matcher.ts";
import type { SampleColumn } from "../../model/sample.ts";
import type { Labels } from "../../model/labels.ts";
import type { Aggregate, ColumnScratch, Querier, Queryable, Series, SeriesSet } from "../../storage/storage.ts";
import { LabelSender } from "./label-table.ts";
import type { FromStore, PlainError, PlainMatcher, ToStore } from "./messages.ts";

/** Values of one message: large enough that messages cost nothing, small enough to be made in a fraction of a turn. */
const BATCH_VALUES = 65_536;
/** Room for the column that fills a batch: a day of 15 s. Longer ones make it grow. */
const SPARE_VALUES = 6_144;
/** Sent and not taken yet, of one stream. */
const AHEAD_BYTES: number = 8 * BATCH_VALUES * Float64Array.BYTES_PER_ELEMENT;
/** Time columns that both ends remember of one stream; most selections have one for each target. */
export const AXES_KEPT = 64;

interface Selection {
  readonly set: SeriesSet;
  readonly labels: readonly Labels[];
  readonly querier: number;
  /** In which order the thread reads the series; undefined: as they are. */
  order: Uint32Array | undefined;
}

interface Stream {
  readonly id: number;
  readonly select: number;
  readonly which: Aggregate | undefined;
  readonly axes: AxisSender;
  next: number;
  ahead: number;
  running: boolean;
}

/** Numbers time columns; series of one target have the very same. */
class AxisSender {
  readonly #known = new Map<Float64Array, { readonly number: number; readonly from: number; readonly to: number }>();
  readonly #recent: Float64Array[] = [];
  #count = 0;
  fresh: Float64Array<ArrayBuffer>[] = [];

  of({ t, from, to }: SampleColumn): number {
    const known = this.#known.get(t);
    if (known !== undefined && known.from === from && known.to === to) return known.number;
    const number = this.#count++;
    // Numbers grow old together at both ends, so what the receiver may forget is never named again.
    const old = this.#recent[number % AXES_KEPT];
    if (old !== undefined && (this.#known.get(old)?.number ?? number) <= number - AXES_KEPT) this.#known.delete(old);
    this.#recent[number % AXES_KEPT] = t;
    this.#known.set(t, { number, from, to });
    this.fresh.push(t.slice(from, to));
    return number;
  }
}

export interface StorePort {
  send(message: FromStore, transfer: readonly ArrayBuffer[]): void;
}

export class StoreServer {
  readonly #store: Queryable;
  readonly #port: StorePort;
  readonly #labels: LabelSender;
  readonly #queriers = new Map<number, Querier>();
  readonly #selections = new Map<number, Selection>();
  readonly #streams = new Map<number, Stream>();
  /** Lent to the store column after column. */
  readonly #scratch: ColumnScratch = { v: new Float64Array(0) };
  #closed = false;

  constructor(store: Queryable, port: StorePort) {
    this.#store = store;
    this.#port = port;
    this.#labels = new LabelSender((message, transfer) => this.#send(message, transfer));
  }

  #send(message: FromStore, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.#closed) this.#port.send(message, transfer);
  }

  /** Takes one message; what goes wrong is told to the thread. */
  take(message: ToStore): void {
    switch (message.kind) {
      case "select":
        return this.#answer(message.id, () => this.#select(message));
      case "names":
        return this.#answer(message.id, () => this.#names(message));
      case "order": {
        const selection = this.#selections.get(message.select);
        if (selection !== undefined) selection.order = message.order;
        return undefined;
      }
      case "columns": {
        const { stream, select, which, from } = message;
        const made = { id: stream, select, which, axes: new AxisSender(), next: from, ahead: 0, running: false };
        this.#streams.set(stream, made);
        return this.#run(made);
      }
      case "taken": {
        const stream = this.#streams.get(message.stream);
        if (stream === undefined) return undefined;
        stream.ahead -= message.bytes;
        return this.#run(stream);
      }
      case "leave":
        this.#streams.delete(message.stream);
        return undefined;
      case "close":
        return this.#closeQuerier(message.querier);
    }
  }

  /** The thread is gone: lets go of everything. */
  close(): void {
    this.#closed = true;
    this.#streams.clear();
    this.#selections.clear();
    for (const querier of this.#queriers.values()) querier[Symbol.dispose]();
    this.#queriers.clear();
  }

  #closeQuerier(number: number): void {
    for (const [id, selection] of this.#selections) if (selection.querier === number) this.#selections.delete(id);
    for (const [id, stream] of this.#streams) if (!this.#selections.has(stream.select)) this.#streams.delete(id);
    this.#queriers.get(number)?.[Symbol.dispose]();
    this.#queriers.delete(number);
  }

  #answer(id: number, work: () => Promise<void>): void {
    const refuse = (error: unknown): void => this.#send({ kind: "failed", id, error: plainError(error) });
    work().catch(refuse);
  }

  async #select(ask: ToStore & { readonly kind: "select" }): Promise<void> {
    if (overdue()) await nextTurn();
    let querier = this.#queriers.get(ask.querier);
    if (querier === undefined) this.#queriers.set(ask.querier, (querier = this.#store.querier(ask.minT, ask.maxT)));
    const set = await querier.select(matchersOf(ask.matchers), ask.hints);
    // The thread may have closed the querier meanwhile: then nobody waits.
    if (this.#queriers.get(ask.querier) !== querier) return;
    const sets = set.columns?.labels ?? set.series.map((one) => one.labels);
    this.#selections.set(ask.id, { set, labels: sets, querier: ask.querier, order: undefined });
    const labels = await this.#labels.numbers(sets);
    const { sorted, resolutionMs, warnings } = set;
    const aggregates = set.columns === undefined && set.series.some((one) => one.aggregate !== undefined);
    this.#send({ kind: "selected", id: ask.id, labels, sorted, resolutionMs, aggregates, warnings }, [labels.buffer]);
  }

  async #names({ id, minT, maxT, label, matchers }: ToStore & { readonly kind: "names" }): Promise<void> {
    if (overdue()) await nextTurn();
    using querier = this.#store.querier(minT, maxT);
    const asked = matchersOf(matchers);
    const texts = await (label === undefined ? querier.labelNames(asked) : querier.labelValues(label, asked));
    this.#send({ kind: "named", id, texts });
  }

  #run(stream: Stream): void {
    if (stream.running) return;
    stream.running = true;
    const stop = (error: unknown): void => {
      this.#streams.delete(stream.id);
      this.#send({ ...NOTHING, kind: "batch", stream: stream.id, first: stream.next, error: plainError(error) });
    };
    this.#pump(stream)
      .catch(stop)
      .finally(() => (stream.running = false));
  }

  async #pump(stream: Stream): Promise<void> {
    const selection = this.#selections.get(stream.select);
    const count = selection?.labels.length ?? 0;
    while (stream.next < count && stream.ahead < AHEAD_BYTES) {
      if (overdue()) await nextTurn();
      if (this.#streams.get(stream.id) !== stream || this.#closed) return;
      this.#sendBatch(stream, selection as Selection);
    }
    if (stream.next >= count) this.#streams.delete(stream.id);
  }

  #sendBatch(stream: Stream, selection: Selection): void {
    const first = stream.next;
    const batch = new BatchPacker(stream.axes);
    do {
      batch.add(columnOf(selection, stream.which, stream.next++, this.#scratch));
    } while (stream.next < selection.labels.length && !batch.full && !overdue());
    const packed = batch.finish();
    stream.ahead += packed.v.byteLength;
    const transfer = [packed.v.buffer, packed.lengths.buffer, packed.axisOf.buffer];
    for (const axis of packed.axes) transfer.push(axis.buffer);
    if (packed.stale !== undefined) transfer.push(packed.stale.buffer);
    this.#send({ kind: "batch", stream: stream.id, first, ...packed, error: undefined }, transfer);
  }
}

function columnOf(
  { set, order }: Selection,
  which: Aggregate | undefined,
  place: number,
  scratch: ColumnScratch,
): SampleColumn {
  const index = order === undefined ? place : (order[place] as number);
  if (set.columns !== undefined) return set.columns.samples(index, scratch);
  const one = set.series[index] as Series;
  return (which === undefined ? undefined : one.aggregate?.(which)) ?? one.samples();
}

const NOTHING = {
  lengths: new Uint32Array(0),
  axisOf: new Uint32Array(0),
  axes: [],
  v: new Float64Array(0),
  stale: undefined,
};

/** Columns of some series, packed into arrays of their own. */
class BatchPacker {
  readonly #axes: AxisSender;
  readonly #lengths: number[] = [];
  readonly #axisOf: number[] = [];
  #v = new Float64Array(BATCH_VALUES + SPARE_VALUES);
  #stale: Uint8Array<ArrayBuffer> | undefined;
  #at = 0;

  constructor(axes: AxisSender) {
    this.#axes = axes;
    axes.fresh = [];
  }

  get full(): boolean {
    return this.#at >= BATCH_VALUES;
  }

  /** The column is copied. */
  add(column: SampleColumn): void {
    const { v, from, to, stale } = column;
    const end = this.#at + to - from;
    if (end > this.#v.length) {
      const grown = new Float64Array(Math.max(end, this.#v.length * 2));
      grown.set(this.#v.subarray(0, this.#at));
      this.#v = grown;
    }
    this.#v.set(v.subarray(from, to), this.#at);
    if (stale !== undefined) {
      if (this.#stale === undefined || this.#stale.length < end) {
        const marks = new Uint8Array(this.#v.length);
        if (this.#stale !== undefined) marks.set(this.#stale);
        this.#stale = marks;
      }
      this.#stale.set(stale.subarray(from, to), this.#at);
    }
    this.#lengths.push(to - from);
    this.#axisOf.push(this.#axes.of(column));
    this.#at = end;
  }

  finish() {
    const whole = this.#at > this.#v.length / 2;
    return {
      lengths: Uint32Array.from(this.#lengths),
      axisOf: Uint32Array.from(this.#axisOf),
      axes: this.#axes.fresh,
      v: whole ? this.#v.subarray(0, this.#at) : this.#v.slice(0, this.#at),
      stale: this.#stale?.slice(0, this.#at),
    };
  }
}

function matchersOf(matchers: readonly PlainMatcher[]): readonly Matcher[] {
  return matchers.map(({ name, op, value }) => createMatcher(name, op, value));
}

function plainError(error: unknown): PlainError {
  if (!(error instanceof UserError))
    return { code: undefined, message: errorText(error), hint: undefined, exit: undefined };
  const { code, message, hint, exit } = error;
  return { code, message, hint, exit };
}
