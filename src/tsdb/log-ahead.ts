/**
 * Files of the append log, read on another thread before they are asked for. In: the log's directory, possibly while
 * nobody holds the store yet. Out: the bytes as they are when they are asked for: a file that has grown since is read again.
 */
import { closeSync, fstatSync, openSync, read, readFileSync, statSync } from "node:fs";
import { listLog, logName } from "./log.ts";

const begun = new Map<string, Promise<Buffer | undefined>>();

/** One call for the whole file: more would wait for turns of this thread's loop. */
function readWhole(path: string): Promise<Buffer | undefined> {
  const fd = openSync(path, "r");
  const bytes = Buffer.allocUnsafeSlow(fstatSync(fd).size);
  return new Promise((resolve) => {
    read(fd, bytes, 0, bytes.length, 0, (error, count) => {
      closeSync(fd);
      resolve(error === null && count === bytes.length ? bytes : undefined);
    });
  });
}

/** Begins to read one file. Whatever is in the way is met, and told, by who needs the file. */
export function beginLogFile(dir: string, file: number): void {
  const path = `${dir}/${logName(file)}`;
  try {
    begun.set(path, readWhole(path));
  } catch {
    begun.delete(path);
  }
}

/** Begins to read the first file of a log, if there is one. @returns bytes of the whole log, as far as they can be told. */
export function beginLog(dir: string): number {
  try {
    const { files } = listLog(dir);
    if (files[0] !== undefined) beginLogFile(dir, files[0].number);
    return files.reduce((sum, { bytes }) => sum + bytes, 0);
  } catch {
    // Told when the log is opened.
    return 0;
  }
}

/** The bytes of a file that nobody writes to any more. @throws the system's error. */
export async function logBytes(dir: string, file: number): Promise<Buffer> {
  const path = `${dir}/${logName(file)}`;
  const early = await begun.get(path);
  begun.delete(path);
  // Files only grow, or lose a torn end: of equal size they are equal.
  return early?.length === statSync(path).size ? early : readFileSync(path);
}
