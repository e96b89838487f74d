/**
 * The mark of a read under way: the first byte of the file `reading` says whether the databases are being read, written
 * in place around reads (a microsecond each). A run that died meanwhile may have died of a table: the next one looks
 * through all of them before it opens them. One that died at another time was killed, most likely: then that waits.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import path from "node:path";
import { watchReads } from "../base/leveldb-reads.ts";

const READING = "R";
const IDLE = "-";
const ENDED = "E";

function fileIn(dataDir: string): string {
  return path.join(dataDir, "reading");
}

/** How the last run on that directory ended: at a read, without a word, or as it should. */
export function lastEnd(dataDir: string): "reading" | "sudden" | "clean" {
  const byte = Buffer.alloc(1);
  try {
    const file = openSync(fileIn(dataDir), "r");
    try {
      readSync(file, byte, 0, 1, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return "clean";
  }
  const said = byte.toString("latin1");
  return said === READING ? "reading" : said === IDLE ? "sudden" : "clean";
}

export interface ReadMark {
  /** The run ends as it should. */
  end(): void;
}

/** From here on reads are marked. Where nothing can be written, nothing is. */
export function markReads(dataDir: string): ReadMark {
  let file: number;
  try {
    file = openFile(fileIn(dataDir));
  } catch {
    return { end: () => undefined };
  }
  const write = (said: string): void => {
    try {
      writeSync(file, said, 0, "latin1");
    } catch {
      // One byte that is there already: nothing but a failing disk refuses it, which others tell of.
    }
  };
  write(IDLE);
  const watch = watchReads(dataDir, { begun: () => write(READING), ended: () => write(IDLE) });
  return {
    end() {
      watch[Symbol.dispose]();
      write(ENDED);
      closeSync(file);
    },
  };
}

function openFile(place: string): number {
  try {
    return openSync(place, "r+");
  } catch {
    return openSync(place, "w", 0o600);
  }
}
