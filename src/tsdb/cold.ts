/**
 * Cold files: raw chunks that retention is about to drop, as OpenMetrics text under zstd, which `opsmon import` and
 * promtool read. A file appears under its name only when it is complete and on the disk; what it holds is dropped after.
 */
import { createWriteStream } from "node:fs";
import { open, rename } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import { makeDirectory } from "../base/directory.ts";
import type { Labels } from "../model/labels.ts";
import { NO_REF, type SeriesRef } from "../model/sample.ts";
import { CELL_ABSENT, CELL_VALUE } from "./column.ts";
import { sampleText, seriesText, staleText } from "./openmetrics.ts";
import { type PartReader, wholeChunk } from "./parts.ts";
import type { Doomed } from "./retention.ts";

/** Chunks in one file: some 500,000 samples, a second of work beside the scrapes. */
export const COLD_CHUNKS_MAX = 4;
/** zstd has no checksum unless told: a flipped byte would come back as another value. */
const CHECKED = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

async function* linesOf(
  doomed: readonly Doomed[],
  reader: PartReader,
  labelsOf: (ref: SeriesRef) => Labels,
): AsyncGenerator<string> {
  for (const { group, chunk } of doomed) {
    const parts = (await reader.load([wholeChunk(group, chunk)], new Set())).get(group) ?? [];
    for (const part of parts) {
      const values = new Float64Array(part.rows);
      for (let column = 0; column < chunk.columns; column++) {
        const ref = group.refs[column] ?? NO_REF;
        if (ref === NO_REF) continue;
        const cells = part.read(column, values);
        const name = seriesText(labelsOf(ref));
        let text = "";
        for (let row = 0; row < part.rows; row++) {
          const cell = cells?.[row] ?? CELL_VALUE;
          if (cell === CELL_ABSENT) continue;
          const t = part.t[row] as number;
          text += `${name} ${cell === CELL_VALUE ? sampleText(values[row] as number, t) : staleText(t)}\n`;
        }
        if (text !== "") yield text;
      }
    }
  }
  yield "# EOF\n";
}

function fileName(doomed: readonly Doomed[]): string {
  const start = Math.min(...doomed.map(({ chunk }) => chunk.start));
  const end = Math.max(...doomed.map(({ chunk }) => chunk.end));
  const time = (t: number): string =>
    new Date(t)
      .toISOString()
      .replace(/\.\d+Z$/, "Z")
      .replaceAll(":", "");
  return `samples-${time(start)}-${time(end)}-${doomed[0]?.chunk.seq}.om.zst`;
}

/** Writes the chunks into a file of their own. @returns its path. @throws what the file system says. */
export async function writeCold(
  dir: string,
  doomed: readonly Doomed[],
  reader: PartReader,
  labelsOf: (ref: SeriesRef) => Labels,
): Promise<string> {
  makeDirectory(dir);
  const file = `${dir}/${fileName(doomed)}`;
  const part = `${file}.part`;
  await pipeline(
    Readable.from(linesOf(doomed, reader, labelsOf)),
    createZstdCompress(CHECKED),
    createWriteStream(part),
  );
  const handle = await open(part, "r+");
  await handle.sync();
  await handle.close();
  await rename(part, file);
  return file;
}
