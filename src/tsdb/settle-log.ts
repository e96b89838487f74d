/**
 * How a repair settles a damaged append log: what can be read of it goes to the database, as a start and a flush would
 * have it, and the log begins anew. Damaged files are kept as they were beside it. Who calls has put the loss on record.
 */
import { copyFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import { asideName } from "../base/leveldb.ts";
import { silentLogger } from "../base/log.ts";
import { counted } from "../model/count.ts";
import { logName } from "./log.ts";
import type { LogCheck } from "./log-check.ts";
import { openTsdb } from "./tsdb.ts";

/** Longer than any repair: nothing is due while one is at work. */
const NO_UPKEEP_MS = 2 ** 31 - 1;

/**
 * @returns what was done, one sentence.
 * @throws UserError `store-locked`, `store-unusable`; the system's error when the files cannot be kept.
 */
export async function settleLog(dir: string, clock: Clock, { damaged }: LogCheck): Promise<string> {
  let kept = "";
  if (damaged.length > 0) {
    const aside = asideName(`${dir}/log`);
    mkdirSync(aside);
    for (const file of damaged) copyFileSync(`${dir}/log/${logName(file)}`, `${aside}/${logName(file)}`);
    kept = `, damaged files as they were are in ${path.basename(aside)}/`;
  }
  const store = await openTsdb({ dir, clock, log: silentLogger, reserveBytes: 0, syncMs: NO_UPKEEP_MS });
  try {
    const { headSamples } = store.stats();
    await store.flush();
    const { readOnly } = store.stats();
    return readOnly === undefined
      ? `the append log: ${counted(headSamples, "sample")} that could be read went to the database${kept}`
      : `nothing of the append log: the database takes no samples (${readOnly})${kept}`;
  } finally {
    await store.close();
  }
}
