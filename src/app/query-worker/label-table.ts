/**
 * Label sets by number, so that a set crosses the port once: the sender numbers sets and their texts, the receiver
 * keeps them in the same order. Both start afresh when the table has grown too large.
 */
import { nextTurn, overdue } from "../../base/turns.ts";
import { compareLabels, Labels } from "../../model/labels.ts";
import type { FromStore } from "./messages.ts";

/** Sets and texts the two ends remember, some 100 MB; a larger selection still passes whole. */
const SETS_MAX = 250_000;
const TEXTS_MAX = 1_000_000;
/** Symbols collected before they are sent. */
const FLUSH_SYMBOLS = 20_000;
/** Series looked at between two looks at the clock. */
const STRIDE = 128;

type LabelsMessage = FromStore & { readonly kind: "labels" };

export class LabelSender {
  readonly #send: (message: LabelsMessage, transfer: readonly ArrayBuffer[]) => void;
  #sets = new WeakMap<Labels, number>();
  #texts = new Map<string, number>();
  /** A store hands out one array while the same series answer. */
  readonly #lists = new WeakMap<
    readonly Labels[],
    { readonly table: number; readonly numbers: Uint32Array<ArrayBuffer> }
  >();
  #count = 0;
  /** Counts restarts: numbers of an older table mean nothing. */
  #table = 0;
  #restart = false;
  #newTexts: string[] = [];
  #newSets: number[] = [];

  constructor(send: (message: LabelsMessage, transfer: readonly ArrayBuffer[]) => void) {
    this.#send = send;
  }

  /** The numbers of these label sets; the receiver knows them when this resolves. */
  async numbers(sets: readonly Labels[]): Promise<Uint32Array<ArrayBuffer>> {
    const known = this.#lists.get(sets);
    if (known?.table === this.#table) return known.numbers.slice();
    if (this.#count > SETS_MAX || this.#texts.size > TEXTS_MAX) this.#begin();
    for (;;) {
      const table = this.#table;
      const out = new Uint32Array(sets.length);
      let at = 0;
      for (; at < sets.length && table === this.#table; at++) {
        out[at] = this.#number(sets[at] as Labels);
        if (this.#newSets.length > FLUSH_SYMBOLS) this.#flush();
        if (at % STRIDE === 0 && overdue()) await nextTurn();
      }
      // Another selection may have started the table afresh meanwhile.
      if (table !== this.#table) continue;
      this.#flush();
      this.#lists.set(sets, { table, numbers: out });
      return out.slice();
    }
  }

  #begin(): void {
    this.#sets = new WeakMap();
    this.#texts = new Map();
    this.#count = 0;
    this.#table++;
    this.#restart = true;
    this.#newTexts = [];
    this.#newSets = [];
  }

  #number(labels: Labels): number {
    const known = this.#sets.get(labels);
    if (known !== undefined) return known;
    const number = this.#count++;
    this.#sets.set(labels, number);
    this.#newSets.push(labels.size * 2);
    for (const [name, value] of labels) {
      this.#newSets.push(this.#text(name), this.#text(value));
    }
    return number;
  }

  #text(text: string): number {
    let number = this.#texts.get(text);
    if (number === undefined) {
      number = this.#texts.size;
      this.#texts.set(text, number);
      this.#newTexts.push(text);
    }
    return number;
  }

  #flush(): void {
    if (this.#newSets.length === 0 && !this.#restart) return;
    const sets = Uint32Array.from(this.#newSets);
    this.#send({ kind: "labels", restart: this.#restart, texts: this.#newTexts, sets }, [sets.buffer]);
    this.#restart = false;
    this.#newTexts = [];
    this.#newSets = [];
  }
}

export class LabelReceiver {
  #texts: string[] = [];
  #sets: Labels[] = [];
  /** The last lists given out, by what they were asked for: who asks again gets the very same array. */
  readonly #lists = new Map<string, { readonly numbers: Uint32Array; readonly list: LabelList }>();

  take({ restart, texts, sets }: LabelsMessage): void {
    if (restart) {
      this.#texts = [];
      this.#sets = [];
      this.#lists.clear();
    }
    for (const text of texts) this.#texts.push(text);
    for (let at = 0; at < sets.length; ) {
      const end = at + 1 + (sets[at] as number);
      const flat: string[] = [];
      for (at++; at < end; at++) flat.push(this.#texts[sets[at] as number] as string);
      this.#sets.push(Labels.fromSorted(flat));
    }
  }

  /** These sets, sorted by labels unless they are. */
  list(question: string, numbers: Uint32Array, sorted: boolean): LabelList {
    const known = this.#lists.get(question);
    if (known !== undefined && sameNumbers(known.numbers, numbers)) return known.list;
    const labels = Array.from(numbers, (number) => this.#sets[number] as Labels);
    const list = sorted ? { labels, order: undefined } : inOrder(labels);
    if (this.#lists.size >= LISTS_MAX) this.#lists.clear();
    this.#lists.set(question, { numbers, list });
    return list;
  }
}

interface LabelList {
  readonly labels: readonly Labels[];
  /** Place of each in what was sent; undefined when nothing moved. */
  readonly order: Uint32Array | undefined;
}

function inOrder(labels: readonly Labels[]): LabelList {
  const order = Uint32Array.from(labels.keys());
  order.sort((a, b) => compareLabels(labels[a] as Labels, labels[b] as Labels));
  return { labels: Array.from(order, (place) => labels[place] as Labels), order };
}

/** Selections whose lists are remembered. */
const LISTS_MAX = 200;

function sameNumbers(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
