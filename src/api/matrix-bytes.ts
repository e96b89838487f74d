/**
 * Points of a range as JSON bytes, written in place: half the cost of a large answer is turning numbers into text, and
 * strings that are joined and then encoded would double it. Series of one range share their times, so each time is
 * written once and copied; a value like the one before it is copied as well.
 */
import { formatFloat } from "../promql/number.ts";
import { secondsText } from "./seconds.ts";

/** Bytes of a piece: about half a millisecond of work. */
const PIECE_BYTES = 65_536;
/** Longest point: a comma, a time of 24 characters, a value of 25, brackets and quotes. */
const POINT_BYTES_MAX = 64;
/** Whole numbers below are written digit by digit; all of them are exact. */
const INTEGER_MAX = 1e15;
const INT32_MAX = 0x7fff_ffff;
const QUOTE = 0x22;
const BRACKET = 0x5d;
const MINUS = 0x2d;
const ZERO = 0x30;

/** `,["seconds","` for each time, as bytes; kept from series to series. */
class TimePrefixes {
  #t: Float64Array = new Float64Array(0);
  #prefixes: readonly Uint8Array[] = [];

  of(t: Float64Array): readonly Uint8Array[] {
    if (t === this.#t) return this.#prefixes;
    const before = this.#t;
    const known = this.#prefixes;
    const prefixes: Uint8Array[] = [];
    let j = 0;
    for (const at of t) {
      while (j < before.length && (before[j] as number) < at) j++;
      prefixes.push(before[j] === at ? (known[j] as Uint8Array) : Buffer.from(`,[${secondsText(at)},"`, "latin1"));
    }
    // A series with gaps knows fewer times than the one before it.
    if (t.length >= before.length) [this.#t, this.#prefixes] = [t, prefixes];
    return prefixes;
  }
}

export class MatrixBytes {
  readonly #times = new TimePrefixes();
  #out: Buffer = Buffer.allocUnsafe(PIECE_BYTES);
  #at = 0;

  /** What was written so far; the writer goes on in a buffer of its own. */
  take(): Buffer {
    const piece = this.#out.subarray(0, this.#at);
    this.#out = Buffer.allocUnsafe(PIECE_BYTES);
    this.#at = 0;
    return piece;
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
    const prefixes = this.#times.of(t);
    // The first point has no comma before it.
    let skip = 1;
    for (let i = 0; i < t.length; i++) {
      if (this.#at + POINT_BYTES_MAX > PIECE_BYTES) yield this.take();
      this.#point(prefixes[i] as Uint8Array, skip, v[i] as number);
      skip = 0;
    }
  }

  #point(prefix: Uint8Array, skip: number, v: number): void {
    const out = this.#out;
    let at = this.#at;
    for (let i = skip; i < prefix.length; i++) out[at++] = prefix[i] as number;
    at = v === Math.trunc(v) && v < INTEGER_MAX && v > -INTEGER_MAX ? integer(out, at, v) : decimal(out, at, v);
    out[at++] = QUOTE;
    out[at++] = BRACKET;
    this.#at = at;
  }
}

function integer(out: Buffer, from: number, v: number): number {
  let at = from;
  let rest = v;
  if (v < 0 || Object.is(v, -0)) {
    out[at++] = MINUS;
    rest = -v;
  }
  let digits = 1;
  for (let bound = 10; rest >= bound; bound *= 10) digits++;
  let i = at + digits - 1;
  for (; rest > INT32_MAX; i--) {
    const next = Math.floor(rest / 10);
    out[i] = ZERO + (rest - next * 10);
    rest = next;
  }
  // The usual counter fits here, where division is cheap.
  for (let small = rest | 0; i >= at; i--) {
    const next = (small / 10) | 0;
    out[i] = ZERO + (small - next * 10);
    small = next;
  }
  return at + digits;
}

function decimal(out: Buffer, from: number, v: number): number {
  const magnitude = Math.abs(v);
  // Between these bounds JavaScript's own text is the one wanted.
  const text = magnitude >= 1e-6 && magnitude < 1e21 ? String(v) : formatFloat(v);
  let at = from;
  for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i);
  return at;
}
