/**
 * Looks through the tables of the samples after a run that ended without a word: mostly it was killed, but LevelDB may
 * have ended it over a table that a compaction met. One table at a time, slowly, while the engine works; damage is taken
 * out before a query meets it, for which the database is closed for a moment.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { StatusItem } from "../api/source.ts";
import { errorText } from "../base/errors.ts";
import { systemCode } from "../base/system-error.ts";
import { mendTables } from "./mend-tables.ts";
import { lastEnd, markReads } from "./read-mark.ts";
import type { Rooms } from "./rooms.ts";
import { faultsOf } from "./table-format.ts";
import { damageIn, type TableWatch, tablesIn } from "./tables.ts";

/** First what a start has to do, then this, ms. */
const FIRST_MS = 5_000;
/** Between tables of 2 MB, ms: a twentieth of a core. */
const BETWEEN_MS = 100;

interface Run {
  readonly tsdb: Pick<Rooms["tsdb"], "mend">;
  readonly options: Pick<Rooms["options"], "clock" | "dataDir" | "log">;
}

/** Marks the reads of this run from here on, and looks after a run before it that ended without a word. */
export function watchRun(rooms: Run): TableWatch {
  const { dataDir } = rooms.options;
  const series = lastEnd(dataDir) === "sudden" ? watchSeries(rooms) : undefined;
  const reads = markReads(dataDir);
  return {
    check: async () => series?.check(),
    items: () => series?.items() ?? [],
    close() {
      series?.close();
      reads.end();
    },
  };
}

/** What LevelDB refuses anyway, and what it is writing just now, is left to it. */
async function isDamaged(table: string): Promise<boolean> {
  try {
    const faults = await faultsOf(await readFile(table));
    return !faults.refused && damageIn(faults).length > 0;
  } catch (error) {
    // Compacted meanwhile.
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

function watchSeries({ tsdb, options }: Run): TableWatch {
  const { clock, dataDir } = options;
  const log = options.log.with({ room: "tsdb" });
  const dir = path.join(dataDir, "series");
  let timer: Disposable | undefined;
  let closed = false;
  let mended: readonly string[] = [];
  const pause = (ms: number): Promise<void> => new Promise((resolve) => (timer = clock.after(ms, resolve)));
  const anyDamaged = async (): Promise<boolean> => {
    for (const table of tablesIn(dir)) {
      if (await isDamaged(path.join(dir, table))) return true;
      await pause(BETWEEN_MS);
      if (closed) return false;
    }
    return false;
  };
  return {
    async check() {
      try {
        await pause(FIRST_MS);
        if (closed || !(await anyDamaged())) return;
        await tsdb.mend("damaged tables of the database are taken out", async () => {
          mended = (await mendTables(dir, { keep: true })).mended;
        });
        for (const what of mended) log.error("stored data is damaged", { what });
      } catch (error) {
        log.error("tables of the database cannot be looked through", { error: errorText(error) });
      }
    },
    items: () => mended.map((text): StatusItem => ({ name: "series", state: "crit", text })),
    close() {
      closed = true;
      timer?.[Symbol.dispose]();
    },
  };
}
