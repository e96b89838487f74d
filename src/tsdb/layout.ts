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

export function encodeLayout(out: ByteWriter, sets: readonly Labels[]): void {
  out.varint(sets.length);
  const names = new Map<string, number>();
  const values = new Map<string, number>();
  for (const labels of sets) {
    out.varint(labels.size);
    for (const [name, value] of labels) {
      writeText(out, names, name);
      writeText(out, values, value);
    }
  }
}

/** Reads a text's number; a text that comes for the first time goes through `take` into `known`. */
function readText<T>(reader: ByteReader, known: T[], take: (text: string) => T): T {
  const number = reader.varint();
  if (number === 0) {
    const taken = take(reader.string());
    known.push(taken);
    return taken;
  }
  const text = known[number - 1];
  if (text === undefined) throw new DamagedError(`text number ${number} of ${known.length}`);
  return text;
}

/**
 * Label sets as names and values in turn, each text as what `take` makes of it: it is asked once for a text, however
 * often that comes. `flat` is borrowed. @throws DamagedError
 */
export function readLayout<T>(
  bytes: Uint8Array,
  take: (text: string) => T,
  each: (flat: readonly T[], set: number) => void,
): void {
  const reader = new ByteReader(bytes);
  const count = reader.varint();
  if (count > bytes.length) throw new DamagedError(`${count} label sets in ${bytes.length} bytes`);
  const names: T[] = [];
  const values: T[] = [];
  const flat: T[] = [];
  for (let i = 0; i < count; i++) {
    const size = reader.varint();
    if (size > LABELS_MAX) throw new DamagedError(`${size} labels`);
    flat.length = 0;
    for (let k = 0; k < size; k++) flat.push(readText(reader, names, take), readText(reader, values, take));
    each(flat, i);
  }
}

/** How many sets the bytes hold. @throws DamagedError */
export function countLayout(bytes: Uint8Array): number {
  return new ByteReader(bytes).varint();
}

/** @throws DamagedError */
export function decodeLayout(bytes: Uint8Array): Labels[] {
  const sets: Labels[] = [];
  readLayout(
    bytes,
    (text) => text,
    (flat) => sets.push(Labels.fromSorted([...flat])),
  );
  return sets;
}
