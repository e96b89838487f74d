/**
 * The inner loop of `replay.ts` in WebAssembly: what stands between the values must be what the section says, sixteen
 * bytes at a time; values whose text is the one before are passed over, and where others stand is told. It does what
 * `PageReplay` does by itself where there is no WebAssembly, in a third of the time.
 */
import * as w from "../base/wasm.ts";
import type { PageSection } from "./section.ts";
import { TEXT_BYTES_MAX, type TokenTexts } from "./tokens.ts";

/** Where things lie in its memory: masks by size of a text, what is told, texts of a page, … */
const MASKS = 0;
const TOLD_END = 128;
const TOLD = 256;
const TOLD_BYTES = 12;
const WORDS = 8 * 1024;
const TOKENS_MAX = 16 * 1024;
const SIZES = WORDS + 8 * TOKENS_MAX;
/** … a page, what is received, sections: those of some ten kinds of pages; more take turns. Vectors read past an end. */
const SLACK_BYTES = 16;
const PAGE = SIZES + TOKENS_MAX;
const PAGE_BYTES_MAX = 512 * 1024;
const READ = PAGE + PAGE_BYTES_MAX + SLACK_BYTES;
const READ_BYTES = 256 * 1024;
const SECTIONS = READ + READ_BYTES + SLACK_BYTES;
const MEMORY_PAGES = 28;
const MEMORY_BYTES = MEMORY_PAGES * 64 * 1024;
const SECTION_TOKENS_MAX = (WORDS - TOLD) / TOLD_BYTES;
const SECTION_BYTES_MAX = 64 * 1024;

/** Parameters: first and last length of a gap, the gaps, the page from here to its end, words and size of the first text. */
const [LENGTH, LENGTHS_END, GAP, AT, END, WORD, SIZE] = [0, 1, 2, 3, 4, 5, 6];
const [STOP, REST, MASK, OUT] = [7, 8, 9, 10];

const g = w.get;
const more = (local: number, by: w.Code): w.Code => w.set(local, w.add(g(local), by));
const DIFFERENT = w.leave(w.i32(0));

/** The gap stands on the page as well. */
const COMPARE: readonly w.Code[] = [
  w.set(REST, w.load32(g(LENGTH))),
  w.when(w.above(w.add(g(AT), g(REST)), g(END)), DIFFERENT),
  w.set(STOP, w.add(g(GAP), g(REST))),
  w.block(
    w.loop(
      w.branchIf(1, w.above(w.add(g(GAP), w.i32(16)), g(STOP))),
      w.when(w.unequal(w.equalBytes(g(GAP), g(AT)), w.i32(0xffff)), DIFFERENT),
      more(GAP, w.i32(16)),
      more(AT, w.i32(16)),
      w.branch(0),
    ),
  ),
  // Of the last vector only what is left counts.
  w.set(REST, w.sub(g(STOP), g(GAP))),
  w.set(MASK, w.sub(w.shiftLeft(w.i32(1), g(REST)), w.i32(1))),
  w.when(w.unequal(w.and(w.equalBytes(g(GAP), g(AT)), g(MASK)), g(MASK)), DIFFERENT),
  w.set(GAP, g(STOP)),
  more(AT, g(REST)),
];

/** Leaves one level where the text is another one than before, two where it is the same and behind it. */
const PASS: readonly w.Code[] = [
  w.set(REST, w.load8(g(SIZE))),
  w.branchIf(0, w.not(g(REST))),
  w.branchIf(0, w.atLeast(w.add(g(AT), w.i32(TEXT_BYTES_MAX)), g(END))),
  w.set(MASK, w.shiftLeft(g(REST), w.i32(3))),
  w.branchIf(0, w.not(w.isZero64(w.and64(w.xor64(w.load64(g(AT)), w.load64(g(WORD))), w.load64(g(MASK)))))),
  // A longer text may start like the one before.
  w.branchIf(0, w.above(w.load8(w.add(g(AT), g(REST))), w.i32(0x20))),
  more(AT, g(REST)),
  w.branch(1),
];

/** Which text it is, where it starts and where it ends: before a blank, a control character or the page's end. */
const TELL: readonly w.Code[] = [
  w.store32(g(OUT), g(SIZE)),
  w.store32(w.add(g(OUT), w.i32(4)), g(AT)),
  w.block(
    w.loop(
      w.branchIf(1, w.atLeast(g(AT), g(END))),
      w.branchIf(1, w.atMost(w.load8(g(AT)), w.i32(0x20))),
      more(AT, w.i32(1)),
      w.branch(0),
    ),
  ),
  w.store32(w.add(g(OUT), w.i32(8)), g(AT)),
  more(OUT, w.i32(TOLD_BYTES)),
];

const PROGRAM: readonly w.Code[] = [
  w.set(OUT, w.i32(TOLD)),
  w.loop(
    w.when(w.equal(g(LENGTH), g(LENGTHS_END)), w.store32(w.i32(TOLD_END), g(OUT)), w.leave(g(AT))),
    ...COMPARE,
    w.block(w.block(...PASS), ...TELL),
    more(LENGTH, w.i32(4)),
    more(WORD, w.i32(8)),
    more(SIZE, w.i32(1)),
    w.branch(0),
  ),
  w.i32(0),
];

/** Of all kernels: a section knows in which one, and since when, it has a place. */
let rounds = 0;

export class CompareKernel {
  readonly #run: (...parameters: readonly number[]) => number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** What was told of the last section: number of the token, start, end, one after the other; see `toldEnd`. */
  readonly told: Uint32Array;
  /** Whose page and texts lie in its memory. */
  #holder: object | undefined;
  #page = PAGE;
  /** Where the next section goes. */
  #next = SECTIONS;
  #round = ++rounds;

  /** @throws the engine's error where there is no WebAssembly with vectors. */
  constructor() {
    const { run, memory } = w.makeKernel(7, 4, PROGRAM, MEMORY_PAGES);
    this.#run = run;
    this.#bytes = new Uint8Array(memory);
    this.told = new Uint32Array(memory);
    for (let size = 1; size <= TEXT_BYTES_MAX; size++) this.#bytes.fill(0xff, MASKS + 8 * size, MASKS + 9 * size);
  }

  /** Room for what comes from a socket; a page that lies in it is read where it lies. */
  get readArea(): Buffer<ArrayBuffer> {
    return Buffer.from(this.#bytes.buffer, READ, READ_BYTES);
  }

  /** Whether such a page has room in it. */
  static fits(page: Uint8Array, texts: TokenTexts): boolean {
    return page.length <= PAGE_BYTES_MAX && texts.length <= TOKENS_MAX;
  }

  static takes({ kinds, gaps }: PageSection): boolean {
    return kinds === undefined && gaps.length <= SECTION_TOKENS_MAX && gaps.buffer.byteLength <= SECTION_BYTES_MAX;
  }

  /** Takes a page and its texts in, unless they are there; others may have put theirs in since. */
  hold(holder: object, page: Uint8Array, { words, sizes }: TokenTexts): void {
    if (this.#holder === holder) return;
    this.#holder = holder;
    this.#page = page.buffer === this.#bytes.buffer ? page.byteOffset : PAGE;
    if (this.#page === PAGE) this.#bytes.set(page, PAGE);
    this.told.set(words, WORDS / 4);
    this.#bytes.set(sizes, SIZES);
  }

  /**
   * Compares a section with the page that is held.
   *
   * @param at where it starts on the page, @param token its first text.
   * @returns where its last token ends; -1 when the page is another one.
   */
  compare(section: PageSection, at: number, end: number, token: number): number {
    const lengths = this.#placeOf(section);
    const gaps = lengths + 4 * section.gaps.length;
    const page = this.#page;
    const stop = this.#run(lengths, gaps, gaps, page + at, page + end, WORDS + 8 * token, SIZES + token);
    return stop === 0 ? -1 : stop - page;
  }

  /** Calls `read` for each text that is another one than before, until it says false. */
  eachTold(read: (token: number, start: number, stop: number) => boolean): boolean {
    const { told } = this;
    const end = (told[TOLD_END / 4] as number) / 4;
    for (let i = TOLD / 4; i < end; i += TOLD_BYTES / 4) {
      const [start, stop] = [(told[i + 1] as number) - this.#page, (told[i + 2] as number) - this.#page];
      if (!read((told[i] as number) - SIZES, start, stop)) return false;
    }
    return true;
  }

  /** Where the section lies in its memory. */
  #placeOf(section: PageSection): number {
    if (section.kernelRound === this.#round) return section.kernelPlace;
    const packed = new Uint8Array(section.gaps.buffer);
    if (this.#next + packed.length + SLACK_BYTES > MEMORY_BYTES) {
      this.#next = SECTIONS;
      this.#round = ++rounds;
    }
    this.#bytes.set(packed, this.#next);
    section.kernelRound = this.#round;
    section.kernelPlace = this.#next;
    // Lengths are four bytes each, and are looked at as such.
    this.#next += (packed.length + 3) & ~3;
    return section.kernelPlace;
  }
}

let kernel: CompareKernel | "none" | undefined;

/** The kernel of all pages; "none" where there is no WebAssembly with vectors, or no room for it. */
export function compareKernel(): CompareKernel | "none" {
  if (kernel === undefined) {
    try {
      kernel = new CompareKernel();
    } catch {
      kernel = "none";
    }
  }
  return kernel;
}

/** Where pages are best received; undefined without the kernel. */
export function receiveArea(): Buffer | undefined {
  const one = compareKernel();
  return one === "none" ? undefined : one.readArea;
}
