/** Requests of remote write 2.0, byte by byte from the specification: the reader has nothing to lean on. */
import { snappyEncode } from "../../src/remote/snappy.ts";

export interface Series2 {
  readonly labels: Readonly<Record<string, string>>;
  /** `stale` as Prometheus marks it. */
  readonly samples?: readonly (readonly [t: number, v: number | "stale"])[];
  readonly histograms?: number;
  readonly exemplars?: number;
  /** Number of the type, help, unit. */
  readonly metadata?: readonly [type: number, help: string, unit: string];
  readonly createdAt?: number;
}

function varint(value: number | bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return [...out, Number(rest)];
}

const number = (field: number, value: number | bigint): number[] => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, body: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(body.length),
  ...body,
];
const text = (field: number, value: string): number[] => bytes(field, [...Buffer.from(value)]);

function double(field: number, value: number | "stale"): number[] {
  const view = new DataView(new ArrayBuffer(8));
  if (value === "stale") view.setBigUint64(0, 0x7ff0_0000_0000_0002n, true);
  else view.setFloat64(0, value, true);
  return [...varint(field * 8 + 1), ...new Uint8Array(view.buffer)];
}

/** @param packed labels as one field, as Prometheus writes them; else one field a number, which protobuf allows too. */
export function writeRequest2(list: readonly Series2[], packed = true, symbols: string[] = [""]): Uint8Array {
  const refOf = (word: string): number => {
    const known = symbols.indexOf(word);
    return known >= 0 ? known : symbols.push(word) - 1;
  };
  const series = list.flatMap(({ labels, samples = [], histograms = 0, exemplars = 0, metadata, createdAt }) => {
    const refs = Object.entries(labels).flatMap(([name, value]) => [refOf(name), refOf(value)]);
    return bytes(5, [
      ...(packed ? bytes(1, refs.flatMap(varint)) : refs.flatMap((ref) => number(1, ref))),
      ...samples.flatMap(([t, v]) => bytes(2, [...double(1, v), ...number(2, t)])),
      ...Array.from({ length: histograms }, () => bytes(3, [])).flat(),
      ...Array.from({ length: exemplars }, () => bytes(4, [])).flat(),
      ...(metadata === undefined
        ? []
        : bytes(5, [...number(1, metadata[0]), ...number(3, refOf(metadata[1])), ...number(4, refOf(metadata[2]))])),
      ...(createdAt === undefined ? [] : number(6, createdAt)),
    ]);
  });
  return snappyEncode(Uint8Array.from([...symbols.flatMap((word) => text(4, word)), ...series]));
}
