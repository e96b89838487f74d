/**
 * Recorded pages of one exporter, as test/bench/record.ts makes them and test/bench/data keeps them: again and again
 * u32 length, f64 time in unix ms, text; little-endian, all of it one zstd frame. A first record without a time (NaN)
 * says what was recorded and how.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { parsePage } from "../../../src/exposition/parse.ts";
import { Labels } from "../../../src/model/labels.ts";

/** By job. */
export const RECORDED = ["node", "postgres", "redis"] as const;
export type Recorded = (typeof RECORDED)[number];
export const DATA: string = path.join(import.meta.dirname, "../data");

const ZSTD_MAGIC = 0xfd2fb528;
const HEAD_BYTES = 12;
/** Pages are alike: a window over hundreds of them makes one cost some hundred bytes. */
const WINDOW_LOG = 25;

export interface Page {
  /** Unix ms. */
  readonly t: number;
  readonly text: Uint8Array;
}

export function pagesFile(folder: string, job: Recorded): string {
  return path.join(folder, `${job}.pages.zst`);
}

export function packPages(about: string, pages: readonly Page[]): Uint8Array {
  const parts = [{ t: Number.NaN, text: Buffer.from(about) }, ...pages].flatMap(({ t, text }) => {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(text.length, 0);
    head.writeDoubleLE(t, 4);
    return [head, text];
  });
  return zstdCompressSync(Buffer.concat(parts), {
    params: { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
  });
}

/** The pages of a file, packed or not. */
export function readPages(file: string): { readonly about: string; readonly pages: readonly Page[] } {
  const stored = readFileSync(file);
  const bytes = stored.readUInt32LE(0) === ZSTD_MAGIC ? zstdDecompressSync(stored) : stored;
  const pages: Page[] = [];
  let about = "";
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const end = at + HEAD_BYTES + bytes.readUInt32LE(at);
    const t = bytes.readDoubleLE(at + 4);
    const text = bytes.subarray(at + HEAD_BYTES, end);
    if (Number.isNaN(t)) about = text.toString();
    else pages.push({ t, text });
    at = end;
  }
  return { about, pages };
}

export interface Table {
  readonly labels: readonly Labels[];
  /** By page, in the order of `labels`. */
  readonly rows: readonly Float64Array[];
}

/** Values of the series that are on every page, under the target's own labels. */
export function tableOf(pages: readonly Page[], target: Readonly<Record<string, string>>): Table {
  const parsed = pages.map(({ text }) => {
    const { series, values, count } = parsePage(text, "text");
    return new Map(Array.from({ length: count }, (_, i) => [series[i]?.labels.key as string, values[i] as number]));
  });
  const [first] = pages;
  const known = first === undefined ? [] : parsePage(first.text, "text").series.map(({ labels }) => labels);
  const lasting = known.filter(({ key }) => parsed.every((page) => page.has(key)));
  return {
    labels: lasting.map((one) => Labels.from([...one, ...Object.entries(target)])),
    rows: parsed.map((page) => Float64Array.from(lasting, ({ key }) => page.get(key) as number)),
  };
}
