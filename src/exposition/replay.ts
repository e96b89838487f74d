/**
 * The next page of a target beside the last one, section by section: what stands between the tokens must be what the
 * sections say, sixteen bytes at a time; what a token says is read only when its text is another one. A difference
 * anywhere else means that the page is another one, and the caller reads it in full.
 */
import type { PageFormat } from "./page.ts";
import type { PageSection } from "./section.ts";
import { CompareKernel } from "./compare-kernel.ts";
import { parseFloatInto, readShortFloat } from "./float.ts";
import { endOfValue, readExemplar, readTimestamp, startsExemplar } from "./suffix.ts";
import { type SampleList, TEXT_BYTES_MAX, TOKEN, type TokenTexts } from "./tokens.ts";

/** By size of a text: which bits of its two words are its own. */
const LOW = Uint32Array.from({ length: TEXT_BYTES_MAX + 1 }, (_, size) => wordMask(size));
const HIGH = Uint32Array.from({ length: TEXT_BYTES_MAX + 1 }, (_, size) => wordMask(size - 4));
const SPACE = 0x20;

function wordMask(bytes: number): number {
  return bytes <= 0 ? 0 : bytes >= 4 ? 0xffff_ffff : 2 ** (8 * bytes) - 1;
}

export class PageReplay {
  readonly #format: PageFormat;
  readonly #sections: readonly PageSection[];
  readonly #texts: TokenTexts;
  readonly #samples: SampleList;
  #page: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** What comes next: section, token, sample, byte of the page. */
  #section = 0;
  #token = 0;
  #sample = 0;
  #at = 0;
  /** Compares this page; undefined when it has no room for it. */
  #kernel: CompareKernel | undefined;
  readonly #machine: CompareKernel | "none";
  readonly #readTold = (token: number, start: number, stop: number): boolean => this.#readText(token, start, stop);

  /** Sections, texts and samples are of one page that holds no NUL byte, see `sameBytes`. */
  constructor(
    sections: readonly PageSection[],
    texts: TokenTexts,
    samples: SampleList,
    format: PageFormat,
    kernel: CompareKernel | "none",
  ) {
    this.#machine = kernel;
    this.#format = format;
    this.#sections = sections;
    this.#texts = texts;
    this.#samples = samples;
  }

  /** Looks at another page from its start. */
  begin(page: Uint8Array): void {
    this.#page = page;
    this.#view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    this.#section = 0;
    this.#token = 0;
    this.#sample = 0;
    this.#at = 0;
    const machine = this.#machine;
    this.#kernel = machine !== "none" && CompareKernel.fits(page, this.#texts) ? machine : undefined;
  }

  /** Sections that are still to be compared. */
  get left(): number {
    return this.#sections.length - this.#section;
  }

  /**
   * Takes the numbers of up to `sections` more sections over.
   *
   * @returns false when the page is another one: what the replay knew is undefined from then on.
   */
  step(sections: number): boolean {
    const last = Math.min(this.#sections.length, this.#section + sections);
    while (this.#section < last) if (!this.#take(this.#sections[this.#section++] as PageSection)) return false;
    return this.left > 0 || this.#finish();
  }

  /** The page is its owner's again. */
  #finish(): boolean {
    const whole = this.#at === this.#page.length;
    this.begin(NO_PAGE);
    this.#section = this.#sections.length;
    return whole;
  }

  #take(section: PageSection): boolean {
    const kernel = this.#kernel;
    return kernel !== undefined && CompareKernel.takes(section)
      ? this.#takeFast(kernel, section)
      : this.#takePlain(section);
  }

  /** As `#takePlain`: first all gaps are compared, then the texts that are others than before are read. */
  #takeFast(kernel: CompareKernel, section: PageSection): boolean {
    const { gaps, view, gapBytes } = section;
    const page = this.#page;
    kernel.hold(this.#view, page, this.#texts);
    const stop = kernel.compare(section, this.#at, page.length, this.#token);
    if (stop < 0 || !kernel.eachTold(this.#readTold)) return false;
    const rest = view.byteLength - gapBytes;
    if (rest > 0 && (stop + rest > page.length || !sameBytes(view, gapBytes, this.#view, stop, rest))) return false;
    this.#at = stop + rest;
    this.#token += gaps.length;
    this.#sample += gaps.length;
    return true;
  }

  /** Reads the value in `[start, stop)`, in a section where each token is one. */
  #readText(token: number, start: number, stop: number): boolean {
    const owner = this.#sample + token - this.#token;
    const page = this.#page;
    const { values } = this.#samples;
    if (readShortFloat(values, owner, page, start, stop) !== stop) {
      if (stop === start || endOfValue(page, start, page.length, this.#format) !== stop) return false;
      if (!parseFloatInto(values, owner, page, start, stop)) return false;
    }
    this.#texts.set(token, this.#view, start, stop);
    return true;
  }

  #takePlain({ gaps, view, kinds }: PageSection): boolean {
    const page = this.#page;
    const own = this.#view;
    const texts = this.#texts;
    const { words, sizes } = texts;
    const end = page.length;
    let pos = this.#at;
    let from = 0;
    let k = this.#token;
    for (let g = 0; g < gaps.length; g++, k++) {
      const gap = gaps[g] as number;
      if (pos + gap > end || !sameBytes(view, from, own, pos, gap)) return false;
      from += gap;
      pos += gap;
      const kind = kinds === undefined ? TOKEN.value : (kinds[g] as number);
      if (kind === TOKEN.value) this.#sample++;
      const size = sizes[k] as number;
      if (
        size > 0 &&
        pos + TEXT_BYTES_MAX <= end &&
        ((own.getUint32(pos, true) ^ (words[2 * k] as number)) & (LOW[size] as number)) === 0 &&
        ((own.getUint32(pos + 4, true) ^ (words[2 * k + 1] as number)) & (HIGH[size] as number)) === 0 &&
        // A longer text may start like the one before.
        (page[pos + size] as number) <= SPACE
      ) {
        pos += size;
        continue;
      }
      const stop = this.#read(kind, pos);
      if (stop < 0) return false;
      texts.set(k, own, pos, stop);
      pos = stop;
    }
    const rest = view.byteLength - from;
    if (rest > 0 && (pos + rest > end || !sameBytes(view, from, own, pos, rest))) return false;
    this.#at = pos + rest;
    this.#token = k;
    return true;
  }

  /** Reads what stands at `start`, of the sample at hand. @returns its end, or -1 when it is not one of that kind. */
  #read(kind: number, start: number): number {
    const page = this.#page;
    const end = page.length;
    const format = this.#format;
    const owner = this.#sample - 1;
    const { values, timestamps } = this.#samples;
    if (kind === TOKEN.value) {
      const short = readShortFloat(values, owner, page, start, end);
      if (short >= 0) return short;
      const stop = endOfValue(page, start, end, format);
      return stop > start && parseFloatInto(values, owner, page, start, stop) ? stop : -1;
    }
    if (kind === TOKEN.exemplar) return startsExemplar(page, start) ? readExemplar(page, start, end) : -1;
    const stop = endOfValue(page, start, end, format);
    return readTimestamp(timestamps, owner, page, start, stop, format) ? stop : -1;
  }
}

const NO_PAGE = new Uint8Array(0);

/**
 * Whether `length` bytes are equal, sixteen at a time, as float64: UTF-8 text never makes a NaN, which would differ from
 * itself and only cost a closer look, and the sections have no NUL bytes, which could make the two zeros that are equal
 * and not the same.
 */
function sameBytes(a: DataView, aFrom: number, b: DataView, bFrom: number, length: number): boolean {
  let i = 0;
  for (; i + 16 <= length; i += 16) {
    if (
      a.getFloat64(aFrom + i, true) !== b.getFloat64(bFrom + i, true) ||
      a.getFloat64(aFrom + i + 8, true) !== b.getFloat64(bFrom + i + 8, true)
    )
      return sameBytesSlowly(a, aFrom, b, bFrom, length);
  }
  if (i === length) return true;
  if (length < 8) return sameBytesSlowly(a, aFrom, b, bFrom, length);
  // The last sixteen overlap what was compared already.
  const last = length - 8;
  const before = Math.max(0, last - 8);
  return (
    (a.getFloat64(aFrom + last, true) === b.getFloat64(bFrom + last, true) &&
      a.getFloat64(aFrom + before, true) === b.getFloat64(bFrom + before, true)) ||
    sameBytesSlowly(a, aFrom, b, bFrom, length)
  );
}

function sameBytesSlowly(a: DataView, aFrom: number, b: DataView, bFrom: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a.getUint8(aFrom + i) !== b.getUint8(bFrom + i)) return false;
  return true;
}
