/** CRC-32C (Castagnoli), the checksum of Prometheus' files; Node's own is the other polynomial. */

/** Reversed polynomial 0x1EDC6F41. */
const POLYNOMIAL = 0x82f6_3b78;

/** Eight tables: eight bytes a step is four times as fast as one. */
const TABLES: readonly Uint32Array[] = makeTables();

function makeTables(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    return crc >>> 0;
  });
  const tables = [first];
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1] as Uint32Array;
    tables.push(Uint32Array.from(before, (crc) => (crc >>> 8) ^ (first[crc & 0xff] as number)));
  }
  return tables;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

export function crc32c(bytes: Uint8Array): number {
  const at = (table: Uint32Array, index: number): number => table[index & 0xff] as number;
  const byte = (i: number): number => bytes[i] as number;
  let crc = 0xffff_ffff;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    const low = crc ^ (byte(i) | (byte(i + 1) << 8) | (byte(i + 2) << 16) | (byte(i + 3) << 24));
    crc =
      at(T7, low) ^
      at(T6, low >>> 8) ^
      at(T5, low >>> 16) ^
      at(T4, low >>> 24) ^
      at(T3, byte(i + 4)) ^
      at(T2, byte(i + 5)) ^
      at(T1, byte(i + 6)) ^
      at(T0, byte(i + 7));
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ at(T0, crc ^ byte(i));
  return (crc ^ 0xffff_ffff) >>> 0;
}
