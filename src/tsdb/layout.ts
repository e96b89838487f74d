/**
 * Label sets of neighbouring series, packed: the page of an exporter repeats its names and most of its values, so a
 * set is written as differences to the set before it. In: Labels in column order. Out: bytes that zstd likes.
 */
import { Labels } from "../model/labels.ts";
import type { ByteWriter } from "./bytes.ts";
import { LayoutReader } from "./layout-read.ts";

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

/** @throws DamagedError */
export function decodeLayout(bytes: Uint8Array): Labels[] {
  const { shape, names, values } = new LayoutReader().read(bytes);
  const { count, starts, pairs, pairNames, pairValues } = shape;
  return Array.from({ length: count }, (_, set) => {
    const flat: string[] = [];
    for (const pair of pairs.subarray(starts[set], starts[set + 1]))
      flat.push(names[(pairNames[pair] as number) - 1] as string, values[(pairValues[pair] as number) - 1] as string);
    return Labels.fromSorted(flat);
  });
}
