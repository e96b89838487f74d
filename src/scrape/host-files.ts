/** Small files of /proc and /sys: read whole, bounded, and undefined when this kernel or container lacks them. */
import { closeSync, openSync, readdirSync, readSync } from "node:fs";

/** No file read here is larger on a large machine; /proc/stat of 256 CPUs has 25 KB. */
const FILE_BYTES_MAX = 1024 * 1024;
/** Kernel files say size 0, so the reading goes on until they end. */
const buffer = Buffer.allocUnsafe(FILE_BYTES_MAX);

/** One read serves most files; /proc hands out at most a page per call for some. */
export function readSmall(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    let size = 0;
    while (size < FILE_BYTES_MAX) {
      const got = readSync(file, buffer, size, FILE_BYTES_MAX - size, null);
      if (got === 0) break;
      size += got;
    }
    return buffer.toString("utf8", 0, size);
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** The first number of a file, NaN when it has none. */
export function readNumber(path: string): number {
  const text = readSmall(path)?.trim().split(/\s/)[0];
  return text === undefined || text === "" ? Number.NaN : Number(text);
}

export function listDirectory(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Lines split at blanks, empty ones left out. */
export function fieldsOf(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[0] !== "");
}
