/**
 * A frame of reference with exceptions: which window of 2^width neighbouring numbers a column is packed in, when a few
 * numbers may stay outside and be written in full. A disk that was busy once in half an hour must not widen all other
 * rows. The window is looked for in a histogram, coarse first and then finer where most numbers are: counting costs a
 * tenth of sorting, and a window is found to an eighth of its width.
 */

/** Buckets of one look. */
const BUCKETS = 64;
const BUCKET_BITS = 6;
/** How far one look narrows: windows of fewer than four buckets are looked for in a finer histogram. */
const NARROWER_MAX = 4;
/** Fewer numbers gain nothing; the open chunk packs blocks of eight. */
export const FRAME_COUNT_MIN = 32;
/** Beyond a quarter there is no window to speak of. */
const OUTSIDE_SHARE_MAX = 0.25;
/** Above, a number outside would not fit what a varint carries. */
export const FRAME_WIDTH_MAX = 50;

const counts: Int32Array = new Int32Array(BUCKETS + 1);

/** The window as the last `findFrame` found it, and what it costs: columns come by the million. */
export let frameLow = 0;
export let frameWidth = 0;
export let frameBits = 0;

/** Bits a number outside costs: its distance from the one before in a byte, the rest above the window in seven-bit groups. */
function outsideBits(wide: number, width: number): number {
  return 8 + 8 * Math.ceil((wide - width + 1) / 7);
}

/** Fills `counts[i]` with how many of the numbers lie below bucket i of the window. */
function count(offsets: Float64Array, n: number, low: number, width: number): void {
  counts.fill(0);
  const by = 2 ** (BUCKET_BITS - width);
  for (let i = 0; i < n; i++) {
    const place = ((offsets[i] as number) - low) * by;
    if (place < 0 || place >= BUCKETS) continue;
    const above = (place | 0) + 1;
    counts[above] = (counts[above] as number) + 1;
  }
  let sum = 0;
  for (let i = 1; i <= BUCKETS; i++) counts[i] = sum += counts[i] as number;
}

/** Where a window of so many buckets holds the most numbers, as the last `fullest` found it. */
let fullestAt = 0;

/** @returns how many the fullest window of `size` buckets holds. */
function fullest(size: number): number {
  let most = -1;
  for (let i = 0, end = size; end <= BUCKETS; i++, end++) {
    const inside = (counts[end] as number) - (counts[i] as number);
    if (inside <= most) continue;
    most = inside;
    fullestAt = i;
  }
  return most;
}

/** Looks for the window that makes `n` whole numbers from 0 to 2^wide − 1 smallest; leaves it in `frameLow`… */
export function findFrame(offsets: Float64Array, n: number, wide: number): void {
  let low = 0;
  let width = wide;
  frameLow = 0;
  frameWidth = wide;
  frameBits = n * wide;
  for (;;) {
    count(offsets, n, low, width);
    let [nextLow, nextWidth] = [low, width];
    for (let narrower = 1; narrower <= Math.min(NARROWER_MAX, width); narrower++) {
      const most = fullest(BUCKETS >> narrower);
      if (n - most > n * OUTSIDE_SHARE_MAX) return;
      nextWidth = width - narrower;
      // In a window of fewer numbers than buckets, several buckets stand for one number.
      nextLow = low + Math.ceil(fullestAt * 2 ** (width - BUCKET_BITS));
      const bits = n * nextWidth + (n - most) * outsideBits(wide, nextWidth);
      if (bits < frameBits) {
        frameBits = bits;
        frameLow = nextLow;
        frameWidth = nextWidth;
      }
    }
    if (nextWidth === 0) return;
    low = nextLow;
    width = nextWidth;
  }
}
