/**
 * Makes damaged tables of a closed database safe to read. LevelDB trusts what it reads from a table: wrong bytes in the
 * right place end the whole process, not the read. So a block that fails its checksum, and whose entries cannot be read,
 * becomes an empty one of the same size, a filter that fails is left out, and an index is made anew. What was damaged is kept beside the database; who mends a picture has the original.
 */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { asideName, guardRepairs } from "../base/leveldb.ts";
import { counted } from "../model/count.ts";
import { readsOn } from "./table-block.ts";
import { closeBlock, dropFilter, emptyBlock, faultsOf, isEmptyTable, type TableFaults } from "./table-format.ts";
import { renewIndex, salvage } from "./table-index.ts";
import { damageIn, type TableDamage, tablesIn } from "./tables.ts";

export interface MendReport {
  readonly damage: readonly TableDamage[];
  /** One sentence for each table that was changed. */
  readonly mended: readonly string[];
  /** Tables that cannot be read as a whole, left alone: mostly what a kill left half-written, which LevelDB removes. */
  readonly left: readonly string[];
}

/** @param keep whether the tables are kept as they were, in `<dir>.damaged-N`. */
export async function mendTables(dir: string, { keep }: { readonly keep: boolean }): Promise<MendReport> {
  const database = path.basename(dir);
  const report = { damage: [] as TableDamage[], mended: [] as string[], left: [] as string[] };
  let aside = "";
  for (const name of tablesIn(dir)) {
    const table = path.join(dir, name);
    const data = await readFile(table).catch(() => undefined);
    if (data === undefined) {
      // LevelDB has the words for a file that cannot be read.
      report.left.push(name);
      continue;
    }
    const faults = await faultsOf(data);
    const { refused } = faults;
    if (refused) report.left.push(name);
    const damage = damageIn(faults);
    if (refused || damage.length === 0) continue;
    for (const why of damage) report.damage.push({ what: `${database}/${name}`, why });
    if (keep) {
      if (aside === "") mkdirSync((aside = asideName(dir)));
      linkSync(table, path.join(aside, name));
    }
    const done = mend(data, faults);
    replace(table, data);
    report.mended.push(`${database}/${name}: ${done}, the table as it was is in ${path.basename(aside)}/`);
  }
  return report;
}

/**
 * Before LevelDB repairs a database, for which it reads all tables and lists them anew: it would die of damaged ones, and of
 * one without a record. Of a table that was cut the blocks that are left become one.
 */
async function prepareRepair(dir: string): Promise<void> {
  await mendTables(dir, { keep: true });
  let aside = "";
  for (const name of tablesIn(dir)) {
    const table = path.join(dir, name);
    const data = await readFile(table).catch(() => undefined);
    if (data === undefined) continue;
    const { refused } = await faultsOf(data);
    if (!refused && !isEmptyTable(data)) continue;
    if (aside === "") mkdirSync((aside = asideName(dir)));
    const saved = refused ? salvage(data) : undefined;
    if (saved === undefined) renameSync(table, path.join(aside, name));
    else {
      linkSync(table, path.join(aside, name));
      replace(table, saved);
    }
  }
}

guardRepairs(prepareRepair);

/** @returns what was done. */
function mend(table: Buffer, { data, filter, whole }: TableFaults): string {
  if (whole !== undefined) {
    const { blocks, lostBytes } = renewIndex(table);
    return `index made anew for ${counted(blocks, "block")} of records${lostBytes > 0 ? `, ${lostBytes} bytes lost` : ""}`;
  }
  let out = 0;
  for (const block of data) {
    // Each record has a checksum of its own: of such a block only what was hit is lost.
    if (readsOn(table, block)) closeBlock(table, block);
    else {
      emptyBlock(table, block);
      out++;
    }
  }
  if (filter !== undefined) dropFilter(table, filter);
  if (out > 0) return "damaged blocks taken out";
  return data.length > 0 ? "what was damaged can be read around" : "damaged filter taken out";
}

/** Under another name first: a picture's tables are links to the original, which must not change. */
function replace(table: string, data: Buffer): void {
  const fresh = `${table}.mended`;
  const file = openSync(fresh, "w");
  try {
    writeFileSync(file, data);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, table);
}
