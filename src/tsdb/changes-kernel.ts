/**
 * What `applyChanges` of `row-changes.ts` does, in WebAssembly: a start runs it a million times before anything of JavaScript
 * is compiled, and this is fast from its first call. Byte by byte, since even calling the functions of `base/wasm.ts` takes
 * a start half a millisecond.
 * @see https://webassembly.github.io/spec/core/binary/
 */

import type { Code } from "../base/wasm.ts";

export const PARAMETERS = 4;
export const LOCALS = 4;
/** Parameters: the byte to read, where the bytes end, the row and where it ends; then what it keeps for itself. */
const AT = 0;
const END = 1;
const CELL = 2;
const LIMIT = 3;
const GAP = 4;
const CONTROL = 5;
const SHIFT = 6;
const BITS = 7;

const VOID = 0x40;
const LOOP = 0x03;
const IF = 0x04;
const CLOSE = 0x0b;
const AGAIN = 0x0c;
const RETURN = 0x0f;
const GET = 0x20;
const SET = 0x21;
const TEE = 0x22;
/** Each is followed by two bytes, no alignment and no offset. */
const LOAD_BYTE = 0x2d;
const LOAD_64 = 0x29;
const STORE_64 = 0x37;
const CONST = 0x41;
const NOT = 0x45;
/** Unsigned comparisons. */
const BELOW = 0x49;
const ABOVE = 0x4b;
const ADD = 0x6a;
const SUB = 0x6b;
const AND = 0x71;
const OR = 0x72;
const LEFT = 0x74;
const RIGHT = 0x76;
const XOR_64 = 0x85;
const LEFT_64 = 0x86;
const RIGHT_64 = 0x88;
const WIDEN = 0xad;
const NOWHERE = 0x00;

/** The byte at AT, and one step. */
const NEXT_BYTE: readonly number[] = [GET, AT, LOAD_BYTE, 0, 0, GET, AT, CONST, 1, ADD, SET, AT];
const DAMAGED: readonly number[] = [IF, VOID, CONST, 0, RETURN, CLOSE];
const DONE: readonly number[] = [IF, VOID, GET, AT, RETURN, CLOSE];
/** A gap has four bytes at most: its parts are shifted by less than this. */
const SHIFT_END = 28;

/** Gives the place after the changes, 0 where there is damage. */
export const CHANGES: Code = [
  [LOOP, VOID],
  [GET, AT, GET, END, BELOW, NOT, ...DAMAGED],
  [...NEXT_BYTE, TEE, GAP, NOT, ...DONE],
  // A gap of more than one byte, which may end the row as well, by zeros.
  [GET, GAP, CONST, 0xff, 0, ABOVE, IF, VOID],
  [GET, GAP, CONST, 0xff, 0, AND, SET, GAP, CONST, 7, SET, SHIFT],
  [LOOP, VOID, GET, SHIFT, CONST, SHIFT_END, BELOW, NOT, ...DAMAGED],
  [...NEXT_BYTE, TEE, CONTROL, CONST, 0xff, 0, AND, GET, SHIFT, LEFT, GET, GAP, OR, SET, GAP],
  [GET, SHIFT, CONST, 7, ADD, SET, SHIFT, GET, CONTROL, CONST, 0xff, 0, ABOVE, IF, VOID, AGAIN, 1, CLOSE, CLOSE],
  [GET, GAP, NOT, ...DONE, CLOSE],
  // The cell.
  [GET, CELL, GET, GAP, CONST, 1, SUB, CONST, 3, LEFT, ADD, TEE, CELL, GET, LIMIT, BELOW, NOT, ...DAMAGED],
  // Bytes kept, and low ones that are zero.
  [...NEXT_BYTE, TEE, CONTROL, CONST, 15, AND, TEE, GAP, GET, CONTROL, CONST, 4, RIGHT, TEE, SHIFT, ADD],
  [CONST, 8, ABOVE, ...DAMAGED, GET, GAP, IF, VOID],
  // Eight bytes, cut to those kept, shifted to their place.
  [GET, CELL, GET, CELL, LOAD_64, 0, 0, GET, AT, LOAD_64, 0, 0],
  [CONST, 0xc0, 0, GET, GAP, CONST, 3, LEFT, SUB, TEE, BITS, WIDEN, LEFT_64, GET, BITS, WIDEN, RIGHT_64],
  [GET, SHIFT, CONST, 3, LEFT, WIDEN, LEFT_64, XOR_64, STORE_64, 0, 0, CLOSE],
  [GET, AT, GET, GAP, ADD, SET, AT, AGAIN, 0, CLOSE, NOWHERE],
].flat();
