/**
 * Memory for pieces of long answers, used again: a thousand series of a day are 64 pieces, and fresh ones for every
 * answer would make the collector run more often than the answers take.
 */

/** Bytes of a piece: a tenth of a millisecond of work, and small enough that memory for it comes from the heap. */
export const PIECE_BYTES = 65_536;
/** Kept for the next answers: 2 MB. */
const FREE_MAX = 32;

const free: Buffer[] = [];
const ours = new WeakSet<ArrayBufferLike>();

export function lendPiece(): Buffer {
  const known = free.pop();
  if (known !== undefined) return known;
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  ours.add(piece.buffer);
  return piece;
}

/** One buffer of all; the pieces' memory goes back. */
export function joinPieces(pieces: readonly Buffer[]): Buffer {
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) returnPiece(piece);
  return whole;
}

/** Gives memory back when nobody reads it any more; what was not lent here is left alone. */
export function returnPiece(piece: string | Buffer): void {
  if (typeof piece === "string" || !ours.has(piece.buffer) || free.length >= FREE_MAX) return;
  free.push(Buffer.from(piece.buffer));
}
