/**
 * Points of a range as JSON bytes, written in place: half the cost of a large answer is turning numbers into text, and
 * strings that are joined and then encoded would double it. Series of one range share their times, so each time is
 * written once and copied; a value like the one before it is copied as well.
 */
import { DECIMAL_BYTES_ROOM, writeDecimal, writeInteger } from "./decimal-bytes.ts";
import { lendPiece, PIECE_BYTES } from "./pieces.ts";
import { secondsText } from "./seconds.ts";

/** `,[seconds,"` is copied in as many doubles; a year of five digits does not fit and is copied byte by byte. */
const PREFIX_DOUBLES = 3;
const PREFIX_BYTES: number = PREFIX_DOUBLES * 8;
/** Longest point: a comma, a time of 24 characters, a value, brackets and quotes, and what copying spills. */
const POINT_BYTES_MAX: number = 40 + DECIMAL_BYTES_ROOM;
/** Whole numbers below are written digit by digit; all of them are exact. */
const INTEGER_MAX = 1e15;
/** `"]` as it lies in memory. */
const CLOSING = 0x5d22;

/** Grids whose prefixes are kept from answer to answer: the panels of a board ask for the same one. */
const GRIDS_KEPT = 4;
const GRID_STEPS_MAX = 2_048;

/** `,[seconds,"` for each time. */
interface Prefixes {
  readonly t: Float64Array;
  /** PREFIX_DOUBLES for each time: text is no NaN in disguise, so eight bytes pass through a double unharmed. */
  readonly words: Float64Array;
  readonly lengths: Uint8Array;
  /** Those that are longer than that. */
  readonly long: ReadonlyMap<number, Uint8Array>;
}

/** @param like prefixes of other times, which are mostly the same ones. */
function makePrefixes(t: Float64Array, like: Prefixes | undefined): Prefixes {
  const words = new Float64Array(t.length * PREFIX_DOUBLES);
  const lengths = new Uint8Array(t.length);
  const bytes = new Uint8Array(words.buffer);
  const long = new Map<number, Uint8Array>();
  let j = 0;
  for (let i = 0; i < t.length; i++) {
    const at = t[i] as number;
    if (like !== undefined && like.long.size === 0) {
      while (j < like.t.length && (like.t[j] as number) < at) j++;
      if (like.t[j] === at) {
        for (let k = 0; k < PREFIX_DOUBLES; k++)
          words[i * PREFIX_DOUBLES + k] = like.words[j * PREFIX_DOUBLES + k] as number;
        lengths[i] = like.lengths[j] as number;
        continue;
      }
    }
    const text = Buffer.from(`,[${secondsText(at)},"`, "latin1");
    if (text.length > PREFIX_BYTES) long.set(i, text);
    else bytes.set(text, i * PREFIX_BYTES);
    lengths[i] = text.length;
  }
  return { t, words, lengths, long };
}

const grids: Prefixes[] = [];

/** Of the first series of an answer, whose times are those of its grid. */
function gridPrefixes(t: Float64Array): Prefixes {
  const known = grids.find((one) => one.t.length === t.length && one.t.every((at, i) => at === t[i]));
  if (known !== undefined) return known;
  const made = makePrefixes(t, undefined);
  if (t.length > GRID_STEPS_MAX) return made;
  if (grids.length === GRIDS_KEPT) grids.shift();
  grids.push(made);
  return made;
}

export class MatrixBytes {
  /** Of the series with the most times so far, and of the one at hand. */
  #grid: Prefixes | undefined;
  #prefixes: Prefixes | undefined;
  #t: Float64Array | undefined;
  #out: Buffer;
  #view: DataView;
  #at = 0;

  constructor() {
    this.#out = lendPiece();
    this.#view = viewOf(this.#out);
  }

  /** What was written so far, in memory that `returnPiece` takes back; the writer goes on in a buffer of its own. */
  take(): Buffer {
    const piece = this.last();
    this.#out = lendPiece();
    this.#view = viewOf(this.#out);
    this.#at = 0;
    return piece;
  }

  /** What was written since the last piece; nothing is written any more. */
  last(): Buffer {
    return this.#out.subarray(0, this.#at);
  }

  /** @returns a full piece that must be sent before what comes next. */
  *text(text: string): Generator<Buffer> {
    // Three bytes are the most that one UTF-16 unit becomes.
    if (this.#at + text.length * 3 > PIECE_BYTES) yield this.take();
    if (text.length * 3 > PIECE_BYTES) yield Buffer.from(text);
    else this.#at += this.#out.write(text, this.#at, "utf8");
  }

  /** `[t,"v"],[t,"v"]…` */
  *points(t: Float64Array, v: Float64Array): Generator<Buffer> {
    const prefixes = this.#prefixesOf(t);
    for (let from = 0; from < t.length; ) {
      from = this.#run(prefixes, v, from, t.length);
      if (from < t.length) yield this.take();
    }
  }

  #prefixesOf(t: Float64Array): Prefixes {
    if (this.#prefixes !== undefined && t === this.#t) return this.#prefixes;
    const prefixes = this.#grid === undefined ? gridPrefixes(t) : makePrefixes(t, this.#grid);
    // A series with gaps knows fewer times than the one before it.
    if (this.#grid === undefined || t.length >= this.#grid.t.length) this.#grid = prefixes;
    this.#t = t;
    this.#prefixes = prefixes;
    return prefixes;
  }

  /** Writes points until all are written or the piece is full. @returns the first one not written. */
  #run({ words, lengths, long }: Prefixes, v: Float64Array, first: number, end: number): number {
    const view = this.#view;
    let at = this.#at;
    /** The value before, where its text begins, and its length. */
    let last = Number.NaN;
    let lastAt = 0;
    let lastLength = 0;
    let i = first;
    for (; i < end && at + POINT_BYTES_MAX <= PIECE_BYTES; i++) {
      const length = lengths[i] as number;
      const begin = at;
      if (length <= PREFIX_BYTES) {
        view.setFloat64(at, words[3 * i] as number, true);
        view.setFloat64(at + 8, words[3 * i + 1] as number, true);
        view.setFloat64(at + 16, words[3 * i + 2] as number, true);
      } else (long.get(i) as Uint8Array).forEach((byte, k) => view.setUint8(begin + k, byte));
      if (i === 0) {
        // The first point has no comma before it.
        for (let k = 1; k < length; k++) view.setUint8(at + k - 1, view.getUint8(at + k));
        at--;
      }
      at += length;
      const value = v[i] as number;
      if (value === last && value !== 0 && lastLength <= PREFIX_BYTES) {
        view.setFloat64(at, view.getFloat64(lastAt));
        view.setFloat64(at + 8, view.getFloat64(lastAt + 8));
        view.setFloat64(at + 16, view.getFloat64(lastAt + 16));
        lastAt = at;
        at += lastLength;
      } else {
        lastAt = at;
        const whole = value === Math.trunc(value) && value < INTEGER_MAX && value > -INTEGER_MAX;
        at = whole ? writeInteger(view, at, value) : writeDecimal(view, at, value);
        last = value;
        lastLength = at - lastAt;
      }
      view.setUint16(at, CLOSING, true);
      at += 2;
    }
    this.#at = at;
    return i;
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
