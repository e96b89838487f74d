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

function readText(reader: ByteReader, known: string[]): string {
  const number = reader.varint();
  if (number === 0) {
    const text = reader.string();
    known.push(text);
    return text;
  }
  const text = known[number - 1];
  if (text === undefined) throw new DamagedError(`text number ${number} of ${known.length}`);
  return text;
}

/** @throws DamagedError */
export function decodeLayout(bytes: Uint8Array): Labels[] {
  const reader = new ByteReader(bytes);
  const count = reader.varint();
  if (count > bytes.length) throw new DamagedError(`${count} label sets in ${bytes.length} bytes`);
  const names: string[] = [];
  const values: string[] = [];
  const sets: Labels[] = [];
  for (let i = 0; i < count; i++) {
    const size = reader.varint();
    if (size > LABELS_MAX) throw new DamagedError(`${size} labels`);
    const flat: string[] = [];
    for (let k = 0; k < size; k++) flat.push(readText(reader, names), readText(reader, values));
    sets.push(Labels.fromSorted(flat));
  }
  return sets;
}
