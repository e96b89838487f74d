/**
 * Makes damaged tables of a closed database safe to read. LevelDB trusts what it reads from a table: wrong bytes in the
 * right place end the whole process, not the read. So a block that fails its checksum becomes an empty one of the same
 * size. What was damaged is kept beside the database; who mends a picture has the original.
 */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { asideName } from "../base/leveldb.ts";
import { brokenBlock, emptyBlock, faultsOf, type TableDamage, tablesIn } from "./tables.ts";

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
    const data = await readFile(table);
    const { blocks, whole } = await faultsOf(data);
    if (whole !== undefined) report.left.push(name);
    if (blocks.length === 0) continue;
    for (const block of blocks) report.damage.push({ what: `${database}/${name}`, why: brokenBlock(block) });
    if (keep) {
      if (aside === "") mkdirSync((aside = asideName(dir)));
      linkSync(table, path.join(aside, name));
    }
    for (const block of blocks) emptyBlock(data, block);
    replace(table, data);
    report.mended.push(
      `${database}/${name}: damaged blocks taken out, the table as it was is in ${path.basename(aside)}/`,
    );
  }
  return report;
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
