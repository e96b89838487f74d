/**
 * Label sets of neighbouring series, packed: the page of an exporter repeats its names and most of its values, so a
 * set is written as differences to the set before it. In: Labels in column order. Out: bytes that zstd likes.
 */
import { Labels } from "../model/labels.ts";
import { ByteReader, type ByteWriter, DamagedError } from "./bytes.ts";

/** More labels than this on one series is damage: the scraper's own limits are far below. */
const LABELS_MAX = 65_536;

/** Writes text once, then its number; new text is number 0 followed by the text. */
function writeText(out: ByteWriter, known: Map<string, number>, text: string): void {
  const number = known.get(text);
  if (number !== undefined) return out.varint(number);
  known.set(text, known.size + 1);
  out.varint(0);
  out.string(text);
}

/** Writes label sets one after the other. */
export class LayoutWriter {
  readonly #out: ByteWriter;
  readonly #names = new Map<string, number>();
  readonly #values = new Map<string, number>();

  constructor(out: ByteWriter, count: number) {
    this.#out = out;
    out.varint(count);
  }

  add(labels: Labels): void {
    this.#out.varint(labels.size);
    for (const [name, value] of labels) {
      writeText(this.#out, this.#names, name);
      writeText(this.#out, this.#values, value);
    }
  }
}

export function encodeLayout(out: ByteWriter, sets: readonly Labels[]): void {
  const writer = new LayoutWriter(out, sets.length);
  for (const labels of sets) writer.add(labels);
}

/** Label sets as numbers of texts: what a store that numbers texts itself reads ten thousand series from. */
export interface CodedSets {
  readonly count: number;
  /** Labels of each set. */
  readonly sizes: Uint32Array;
  /** Places in `names` and `values` in turn, set after set. */
  readonly codes: Uint32Array;
  readonly names: readonly string[];
  readonly values: readonly string[];
}

/** One flat loop: at a start it runs before it is compiled well. @throws DamagedError */
export function readCodes(bytes: Uint8Array): CodedSets {
  const reader = new ByteReader(bytes);
  const count = reader.varint();
  if (count > bytes.length) throw new DamagedError(`${count} label sets in ${bytes.length} bytes`);
  const { end } = reader;
  const sizes = new Uint32Array(count);
  const codes = new Uint32Array(bytes.length);
  const texts: [names: string[], values: string[]] = [[], []];
  let length = 0;
  let at = reader.position;
  /** Numbers of the set at hand that are still to come. */
  let left = 0;
  let column = 0;
  for (let set = 0; set < count || left > 0; ) {
    let number = at < end ? (bytes[at] as number) : 128;
    if (number < 128) {
      at++;
    } else {
      reader.position = at;
      number = reader.varint();
      at = reader.position;
    }
    if (left === 0) {
      if (number > LABELS_MAX) throw new DamagedError(`${number} labels`);
      sizes[set++] = number;
      left = number * 2;
      column = 0;
      continue;
    }
    const known = texts[column & 1] as string[];
    if (number === 0) {
      reader.position = at;
      number = known.push(reader.string());
      at = reader.position;
    } else if (number > known.length) {
      throw new DamagedError(`text number ${number} of ${known.length}`);
    }
    codes[length++] = number - 1;
    column++;
    left--;
  }
  return { count, sizes, codes: codes.subarray(0, length), names: texts[0], values: texts[1] };
}

/** How many sets the bytes hold. @throws DamagedError */
export function countLayout(bytes: Uint8Array): number {
  return new ByteReader(bytes).varint();
}

/** @throws DamagedError */
export function decodeLayout(bytes: Uint8Array): Labels[] {
  const { sizes, codes, names, values } = readCodes(bytes);
  let at = 0;
  return Array.from(sizes, (size) => {
    const flat: string[] = [];
    for (const stop = at + 2 * size; at < stop; at += 2)
      flat.push(names[codes[at] as number] as string, values[codes[at + 1] as number] as string);
    return Labels.fromSorted(flat);
  });
}
