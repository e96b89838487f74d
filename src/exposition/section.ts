/**
 * Pieces of pages that targets share. A page without its values is nearly the same text for every target of a kind, so
 * it is cut into sections of some dozens of lines, and equal sections are in memory once. Where a section ends depends
 * on the text before it alone: one line more or less on a page leaves all sections but the one around it as they were.
 *
 * Nobody gives sections back: who shows a section holds it, and one that nobody shows any more is collected.
 */
import type { MetricType } from "../model/metadata.ts";
import type { PageFormat, PagePart, SectionContents } from "./page.ts";
import { TOKEN, type TokenKind } from "./tokens.ts";

/** A section ends no sooner, where the text tells it to, every 32nd line on average, … */
const SAMPLES_MIN = 16;
const CUT_MASK = 31;
/** … and no later than this. A value, a timestamp and an exemplar are three tokens. */
const SAMPLES_MAX = 256;
const TOKENS_MAX = 3 * SAMPLES_MAX;
/** Labels may be megabytes long: such a line ends its section. */
const SECTION_BYTES_MAX = 48 * 1024;
const LENGTH_BYTES = 4;

/** Consecutive lines of a page without their values, timestamps and exemplars. */
export class PageSection implements PagePart {
  readonly format: PageFormat;
  /** Of the family in force where it starts, which decides what `le` and `quantile` mean. */
  readonly type: MetricType;
  /** How many bytes stand before each token: the end of the line before, comments, the series text. */
  readonly gaps: Uint32Array;
  /** Those bytes, one gap after the other; the last section of a page has more of them than its gaps say. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Undefined: all tokens are values. */
  readonly kinds: Uint8Array | undefined;
  readonly samples: number;
  /** What the gaps are together. */
  readonly gapBytes: number;
  /** What it says, for as long as somebody looks at it: it can be read again from `bytes`. */
  contents: WeakRef<SectionContents> | undefined;
  /** Where it lies in the memory of `compare-kernel.ts`, in the round in which it was put there. */
  kernelPlace = 0;
  kernelRound = 0;

  /** @param packed lengths of the gaps, four bytes each, then the gaps; kept. */
  constructor(packed: ArrayBuffer, tokens: number, like: Omit<Draft, "packed" | "tokens">) {
    this.format = like.format;
    this.type = like.type;
    this.kinds = like.kinds;
    this.samples = like.samples;
    this.gaps = new Uint32Array(packed, 0, tokens);
    this.bytes = new Uint8Array(packed, tokens * LENGTH_BYTES);
    this.view = new DataView(packed, tokens * LENGTH_BYTES);
    this.gapBytes = this.gaps.reduce((sum, gap) => sum + gap, 0);
  }

  equals({ format, type, tokens, kinds, packed }: Draft): boolean {
    if (this.format !== format || this.type !== type || this.gaps.length !== tokens) return false;
    if ((kinds === undefined) !== (this.kinds === undefined)) return false;
    if (kinds !== undefined && this.kinds !== undefined && !sameBytes(kinds, this.kinds)) return false;
    return sameBytes(new Uint8Array(this.gaps.buffer), packed);
  }

  /** A page that has these lines and no others, every number of it 0. */
  page(): Buffer {
    const { bytes, gaps, kinds, format } = this;
    const parts: (Uint8Array | string)[] = [];
    // It starts behind a value, where OpenMetrics has no empty lines.
    let at = format === "openmetrics" && bytes[0] === LF ? 1 : 0;
    let end = 0;
    for (let k = 0; k < gaps.length; k++) {
      end += gaps[k] as number;
      parts.push(bytes.subarray(at, end), kinds?.[k] === TOKEN.exemplar ? " # {} 0" : "0");
      at = end;
    }
    parts.push(bytes.subarray(at));
    if (format === "openmetrics" && at === bytes.length) parts.push("\n# EOF\n");
    return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));
  }
}

const LF = 0x0a;

/** A section before it is known whether there is one like it. */
interface Draft {
  readonly format: PageFormat;
  readonly type: MetricType;
  readonly tokens: number;
  readonly samples: number;
  readonly kinds: Uint8Array | undefined;
  readonly packed: Uint8Array;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** All sections that somebody holds. Exported for tests: `size` counts what is gone until it is swept out. */
export class SectionPool {
  /** By hash; a section whose place is taken stands at the next number. */
  readonly #known: Map<number, WeakRef<PageSection>> = new Map();
  #sweepAt = POOL_SWEEP_MIN;

  get size(): number {
    return this.#known.size;
  }

  /** The section like the draft, a new one if need be. */
  take(hash: number, draft: Draft): PageSection {
    for (let at = hash; ; at++) {
      const known = this.#known.get(at);
      const section = known?.deref();
      if (section === undefined) return this.#add(at, draft);
      if (section.equals(draft)) return section;
    }
  }

  #add(at: number, { packed, tokens, ...like }: Draft): PageSection {
    if (this.#known.size >= this.#sweepAt) this.#sweep();
    const copy = new ArrayBuffer(packed.length);
    new Uint8Array(copy).set(packed);
    const section = new PageSection(copy, tokens, { ...like, kinds: like.kinds?.slice() });
    this.#known.set(at, new WeakRef(section));
    return section;
  }

  /** Takes out who is gone. A section behind a gap may then come twice, which costs its memory and nothing else. */
  #sweep(): void {
    for (const [at, one] of this.#known) if (one.deref() === undefined) this.#known.delete(at);
    this.#sweepAt = Math.max(POOL_SWEEP_MIN, 2 * this.#known.size);
  }
}

const POOL_SWEEP_MIN = 4_096;
const POOL: SectionPool = new SectionPool();

/** Cuts a page into sections while it is read. */
export class SectionCutter {
  readonly sections: PageSection[] = [];
  readonly #page: Buffer;
  readonly #view: DataView;
  readonly #format: PageFormat;
  readonly #pool: SectionPool;
  #type: MetricType = "unknown";
  /** Of the section's tokens: start, end. */
  readonly #places: Uint32Array = new Uint32Array(2 * TOKENS_MAX);
  readonly #kinds: Uint8Array = new Uint8Array(TOKENS_MAX);
  #tokens = 0;
  #samples = 0;
  /** Where the section starts, and the end of its last token. */
  #from = 0;
  #at = 0;
  /** Of the last series text, and of the section. */
  #lineHash = 0;
  #hash = 0;

  constructor(page: Buffer, format: PageFormat, pool: SectionPool = POOL) {
    this.#page = page;
    this.#view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    this.#format = format;
    this.#pool = pool;
  }

  /** The next thing that may change stands there. */
  token(kind: TokenKind, start: number, end: number): void {
    const hash = this.#hashTo(start);
    if (kind === TOKEN.value) {
      this.#lineHash = hash;
      this.#samples++;
    }
    const k = this.#tokens++;
    this.#places[2 * k] = start;
    this.#places[2 * k + 1] = end;
    this.#kinds[k] = kind;
    this.#hash = Math.imul(this.#hash ^ hash, MIX) ^ kind;
    this.#at = end;
  }

  /** A sample is at its end. @param type of the family in force. @returns whether a section ends with it. */
  sample(type: MetricType): boolean {
    const told = this.#samples >= SAMPLES_MIN && (this.#lineHash & CUT_MASK) === 0;
    if (!told && this.#samples < SAMPLES_MAX && this.#at - this.#from < SECTION_BYTES_MAX) return false;
    this.#cut(this.#at);
    this.#type = type;
    return true;
  }

  /** The page is at its end. @returns whether that made a section. */
  end(): boolean {
    const rest = this.#page.length;
    if (this.#tokens === 0 && this.#at >= rest) return false;
    this.#hash = Math.imul(this.#hash ^ this.#hashTo(rest), MIX);
    this.#cut(rest);
    return true;
  }

  #hashTo(end: number): number {
    const view = this.#view;
    let i = this.#at;
    let hash = end - i;
    for (; i + 4 <= end; i += 4) hash = Math.imul(hash ^ view.getUint32(i, true), MIX) ^ (hash >>> 15);
    for (; i < end; i++) hash = Math.imul(hash ^ view.getUint8(i), MIX) ^ (hash >>> 15);
    return hash ^ (hash >>> 16);
  }

  /** @param end behind the section's last byte. */
  #cut(end: number): void {
    const tokens = this.#tokens;
    const places = this.#places;
    const head = tokens * LENGTH_BYTES;
    const draft = draftOf(head + end - this.#from);
    let at = this.#from;
    let size = head;
    for (let k = 0; k <= tokens; k++) {
      const start = k === tokens ? end : (places[2 * k] as number);
      if (k < tokens) draft.writeUInt32LE(start - at, k * LENGTH_BYTES);
      size += this.#page.copy(draft, size, at, start);
      if (k < tokens) at = places[2 * k + 1] as number;
    }
    const section = this.#pool.take(this.#hash >>> 0, {
      format: this.#format,
      type: this.#type,
      tokens,
      samples: this.#samples,
      kinds: this.#samples === tokens ? undefined : this.#kinds.subarray(0, tokens),
      packed: draft.subarray(0, size),
    });
    this.sections.push(section);
    this.#from = end;
    this.#at = end;
    this.#tokens = 0;
    this.#samples = 0;
    this.#hash = 0;
  }
}

/** The golden ratio's bits, which spread what they are multiplied with. */
const MIX = 0x9e3779b1;
/** Memory for the section at hand; that of an ordinary one is used again. */
const DRAFT_KEPT_BYTES = 64 * 1024;
let kept: Buffer | undefined;

function draftOf(size: number): Buffer {
  if (size > DRAFT_KEPT_BYTES) return Buffer.allocUnsafeSlow(size);
  kept ??= Buffer.allocUnsafeSlow(DRAFT_KEPT_BYTES);
  return kept;
}
