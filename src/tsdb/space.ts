/** How full the disk is, and how large the store is. */
import { readdirSync, statfsSync, statSync } from "node:fs";
import { RESERVE_BYTES, type TsdbOptions } from "./options.ts";

/** Bytes that an unprivileged process may still write there. */
export function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

/** Free bytes below which nothing is written; asked anew each time. */
export function reserveOf({ reserveBytes = RESERVE_BYTES }: TsdbOptions): number {
  return typeof reserveBytes === "function" ? reserveBytes() : reserveBytes;
}

/** What the disk lacks to have so much free; negative when it has more. */
export function missingBytes(dir: string, keepFree: TsdbOptions["keepFreeBytes"] = 0): number {
  const wanted = typeof keepFree === "function" ? keepFree() : keepFree;
  return wanted > 0 ? wanted - freeBytes(dir) : 0;
}

/** Bytes of all files directly in the directories; files that vanish meanwhile count nothing. */
export function sizeOf(dirs: readonly string[]): number {
  let total = 0;
  for (const dir of dirs) {
    try {
      for (const name of readdirSync(dir)) {
        try {
          total += statSync(`${dir}/${name}`).size;
        } catch {
          // LevelDB removes files while we look.
        }
      }
    } catch {
      // A directory that does not exist yet holds nothing.
    }
  }
  return total;
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
