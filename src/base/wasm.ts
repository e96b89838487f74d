/**
 * As much of WebAssembly's binary format as a small function needs: instructions are functions, called as they nest, that
 * give bytes.
 * @see https://webassembly.github.io/spec/core/binary/
 */

export type Code = readonly number[];

const VOID = 0x40;
const I32 = 0x7f;

/** Unsigned LEB128. */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128. */
function signed(value: number): Code {
  const rest = value >> 7;
  const done = (rest === 0 && (value & 64) === 0) || (rest === -1 && (value & 64) !== 0);
  return done ? [value & 127] : [(value & 127) | 128, ...signed(rest)];
}

type Operation = (...operands: readonly Code[]) => Code;
const operation =
  (...code: readonly number[]): Operation =>
  (...operands) => [...operands.flat(), ...code];
/** At the address of the operand; no alignment is promised. */
const memory = (...code: readonly number[]): Operation => operation(...code, 0, 0);

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const i32 = (value: number): Code => [0x41, ...signed(value)];

export const load8: Operation = memory(0x2d);
export const load32: Operation = memory(0x28);
export const load64: Operation = memory(0x29);
export const store32: Operation = memory(0x36);
export const not: Operation = operation(0x45);
export const equal: Operation = operation(0x46);
export const unequal: Operation = operation(0x47);
export const above: Operation = operation(0x4b);
export const atMost: Operation = operation(0x4d);
export const atLeast: Operation = operation(0x4f);
export const add: Operation = operation(0x6a);
export const sub: Operation = operation(0x6b);
export const and: Operation = operation(0x71);
export const shiftLeft: Operation = operation(0x74);
export const isZero64: Operation = operation(0x50);
export const and64: Operation = operation(0x83);
export const xor64: Operation = operation(0x85);

/** Sixteen bytes at two addresses: equal ones as a mask of 16 bits. */
export const equalBytes = (a: Code, b: Code): Code => [...vector(a), ...vector(b), 0xfd, 0x23, 0xfd, 0x64];
const vector = (at: Code): Code => [...at, 0xfd, 0, 0, 0];

/** Branches leave the block, or begin the loop anew, that is so many levels out. */
export const block = (...body: readonly Code[]): Code => [0x02, VOID, ...body.flat(), 0x0b];
export const loop = (...body: readonly Code[]): Code => [0x03, VOID, ...body.flat(), 0x0b];
export const when = (test: Code, ...body: readonly Code[]): Code => [...test, 0x04, VOID, ...body.flat(), 0x0b];
export const branch = (levels: number): Code => [0x0c, ...unsigned(levels)];
export const branchIf = (levels: number, test: Code): Code => [...test, 0x0d, ...unsigned(levels)];
export const leave = (value: Code): Code => [...value, 0x0f];

/** "\0asm", version 1. */
const HEADER: Code = [0, ...Buffer.from("asm"), 1, 0, 0, 0];
const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
const named = (text: string): Code => [text.length, ...Buffer.from(text)];

/** A function of 32-bit numbers that gives one, and its memory of so many pages of 64 KB. */
export interface Kernel {
  readonly run: (...parameters: readonly number[]) => number;
  readonly memory: ArrayBuffer;
}

/** The part of WebAssembly that is used here; types of browsers are not loaded. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly run: Kernel["run"]; readonly memory: { readonly buffer: ArrayBuffer } } };
}

/** @throws the engine's error where there is no WebAssembly with vectors, or no room for the memory. */
export function makeKernel(parameters: number, locals: number, body: readonly Code[], pages: number): Kernel {
  const code = [1, ...unsigned(locals), I32, ...body.flat(), 0x0b];
  const type = [0x60, parameters, ...Array.from({ length: parameters }, () => I32), 1, I32];
  const bytes = Uint8Array.from([
    ...HEADER,
    ...section(1, [1, ...type]),
    ...section(3, [1, 0]),
    ...section(5, [1, 1, ...unsigned(pages), ...unsigned(pages)]),
    ...section(7, [2, ...named("run"), 0, 0, ...named("memory"), 2, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
  const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
  const { run, memory: own } = new Instance(new Module(bytes)).exports;
  return { run, memory: own.buffer };
}
