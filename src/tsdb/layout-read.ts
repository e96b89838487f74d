/**
 * Reads label sets as `layout.ts` packs them, as numbers. Targets that are alike have records that differ in a few texts:
 * such a record is known by the one read before, and only those texts are read.
 */
import { ByteReader, DamagedError } from "./bytes.ts";

/** More labels than this on one series is damage: the scraper's own limits are far below. */
const LABELS_MAX = 65_536;
/** Records that differ in more texts are read anew. */
const NEW_TEXTS_MAX = 16;

/** Label sets without their texts. */
export interface Shape {
  /** How many sets. */
  readonly count: number;
  /** Labels of set i: `pairs` from starts[i] to starts[i + 1]. */
  readonly starts: Uint32Array;
  /** Places in the two lists below. */
  readonly pairs: Uint32Array;
  /** By pair: number of the name, from 1 on; and of the value. */
  readonly pairNames: readonly number[];
  readonly pairValues: readonly number[];
}

export interface CodedSets {
  readonly shape: Shape;
  /** The text of number n stands at n - 1. */
  readonly names: readonly string[];
  readonly values: readonly string[];
}

/** A text that stands in a record, from its length on. */
interface Literal {
  readonly from: number;
  readonly to: number;
  /** `names` or `values` of that record, and the place there. */
  readonly isName: boolean;
  readonly place: number;
}

interface Read {
  readonly bytes: Buffer;
  readonly sets: CodedSets;
  readonly literals: readonly Literal[];
}

/** A number of more than one byte, or the end. @throws DamagedError */
function readWide(reader: ByteReader, at: number): number {
  reader.position = at;
  return reader.varint();
}

/** @throws DamagedError */
function readText(reader: ByteReader, at: number): string {
  reader.position = at;
  return reader.string();
}

/** One flat loop: at a start it runs before it is compiled well. @throws DamagedError */
function readAll(bytes: Buffer): Read {
  const reader = new ByteReader(bytes);
  const count = reader.varint();
  if (count > bytes.length) throw new DamagedError(`${count} label sets in ${bytes.length} bytes`);
  const starts = new Uint32Array(count + 1);
  const pairs = new Uint32Array(bytes.length >> 1);
  const names: string[] = [];
  const values: string[] = [];
  const pairNames: number[] = [];
  const pairValues: number[] = [];
  const literals: Literal[] = [];
  /** By value: its newest pair. Nearly every value goes with one name. */
  const pairOf: number[] = [];
  let length = 0;
  let at = reader.position;
  for (let set = 0; set < count; ) {
    let size = bytes[at] as number;
    if (size < 128) at++;
    else {
      size = readWide(reader, at);
      at = reader.position;
    }
    if (size > LABELS_MAX) throw new DamagedError(`${size} labels`);
    for (const stop = length + size; length < stop; length++) {
      let name = bytes[at] as number;
      if (name < 128) at++;
      else {
        name = readWide(reader, at);
        at = reader.position;
      }
      if (name === 0) {
        name = names.push(readText(reader, at));
        literals.push({ from: at, to: reader.position, isName: true, place: name - 1 });
        at = reader.position;
      } else if (name > names.length) throw new DamagedError(`text number ${name} of ${names.length}`);
      let value = bytes[at] as number;
      if (value < 128) at++;
      else {
        value = readWide(reader, at);
        at = reader.position;
      }
      if (value === 0) {
        value = values.push(readText(reader, at));
        literals.push({ from: at, to: reader.position, isName: false, place: value - 1 });
        at = reader.position;
        pairOf.push(-1);
      } else if (value > values.length) throw new DamagedError(`text number ${value} of ${values.length}`);
      let pair = pairOf[value - 1] as number;
      if (pair < 0 || pairNames[pair] !== name) {
        pair = pairNames.push(name) - 1;
        pairValues.push(value);
        pairOf[value - 1] = pair;
      }
      pairs[length] = pair;
    }
    starts[++set] = length;
  }
  const shape = { count, starts, pairs: pairs.subarray(0, length), pairNames, pairValues };
  return { bytes, sets: { shape, names, values }, literals };
}

/** Whether `bytes` from `from` on are those of `known` from `start` to `end`. */
function sameBytes(known: Buffer, start: number, end: number, bytes: Buffer, from: number): boolean {
  const to = from + end - start;
  return to <= bytes.length && known.compare(bytes, from, to, start, end) === 0;
}

/** The sets of a record that is `known` but for some texts; undefined when it is another one. @throws DamagedError */
function readAlike({ bytes: known, sets, literals }: Read, bytes: Buffer): CodedSets | undefined {
  const reader = new ByteReader(bytes);
  const texts = { names: sets.names.slice(), values: sets.values.slice() };
  /** Read so far, of the one known and of this. */
  let start = 0;
  let next = 0;
  for (let changed = 0; changed <= NEW_TEXTS_MAX; changed++) {
    const { position } = reader;
    if (known.length - start === bytes.length - position && sameBytes(known, start, known.length, bytes, position))
      return { shape: sets.shape, ...texts };
    // The first text up to whose end they are not the same.
    let past = literals.length;
    for (let low = next; low < past; ) {
      const middle = (low + past) >> 1;
      if (sameBytes(known, start, (literals[middle] as Literal).to, bytes, position)) low = middle + 1;
      else past = middle;
    }
    const literal = literals[past];
    if (literal === undefined || !sameBytes(known, start, literal.from, bytes, position)) return undefined;
    texts[literal.isName ? "names" : "values"][literal.place] = readText(reader, position + literal.from - start);
    start = literal.to;
    next = past + 1;
  }
  return undefined;
}

/** Reads records one after the other. */
export class LayoutReader {
  #last: Read | undefined;

  /** @param bytes kept until `forget`. @throws DamagedError */
  read(bytes: Uint8Array): CodedSets {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const alike = this.#last === undefined ? undefined : readAlike(this.#last, buffer);
    if (alike !== undefined) return alike;
    this.#last = readAll(buffer);
    return this.#last.sets;
  }

  forget(): void {
    this.#last = undefined;
  }
}

/** How many sets the bytes hold. @throws DamagedError */
export function countLayout(bytes: Uint8Array): number {
  return new ByteReader(bytes).varint();
}
