/**
 * Checks LevelDB's tables. LevelDB does not look at their checksums while it reads, so a flipped bit in a key or a length
 * makes records disappear without a word; records of samples are numbered and would be missed, those of the state are not.
 */
import { readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { StatusItem } from "../api/source.ts";
import { systemCode, systemReason } from "../base/system-error.ts";
import { faultsOf, type TableFaults } from "./table-format.ts";

const TABLE = /^\d+\.(?:ldb|sst)$/;
/** LevelDB's tables have some megabytes; what is larger is none, and is left to LevelDB. */
const TABLE_BYTES_MAX = 1024 * 1024 * 1024;
/** Places named. */
const DAMAGED_MAX = 100;

/** Names of the tables that were written before. What is being written now has no end yet. */
export function tablesIn(dir: string, before: number = Number.POSITIVE_INFINITY): readonly string[] {
  try {
    const tables = readdirSync(dir).filter((name) => TABLE.test(name));
    return tables.filter((name) => {
      const { mtimeMs, size } = statSync(`${dir}/${name}`);
      return mtimeMs < before && size <= TABLE_BYTES_MAX;
    });
  } catch {
    return [];
  }
}

/** One sentence for each damaged place of a table. */
export function damageIn({ data, filter, whole }: TableFaults): string[] {
  if (whole !== undefined) return [whole];
  const broken = data.map(({ offset }) => `records from byte ${offset} on fail their checksum`);
  return filter === undefined ? broken : [...broken, "its filter fails its checksum"];
}

export interface TableDamage {
  readonly what: string;
  readonly why: string;
}

/** Looks through tables of `dir`, in turns; what is gone meanwhile was compacted. @param name of the database. */
export async function damagedTables(dir: string, name: string, tables: readonly string[]): Promise<TableDamage[]> {
  const found: TableDamage[] = [];
  for (const table of tables) {
    let data: Buffer;
    try {
      data = await readFile(`${dir}/${table}`);
    } catch (error) {
      if (systemCode(error) !== "ENOENT")
        found.push({ what: `${name}/${table}`, why: `cannot be read: ${systemReason(error)}` });
      continue;
    }
    for (const why of damageIn(await faultsOf(data)))
      if (found.length < DAMAGED_MAX) found.push({ what: `${name}/${table}`, why });
  }
  return found;
}

export interface TableWatch {
  /** Once the database is open: what an earlier run left half-written is gone then. Never rejects. */
  check(): Promise<void>;
  items(): readonly StatusItem[];
  /** Nobody may look any more. */
  close(): void;
}

/**
 * Looks through what earlier runs wrote.
 *
 * @param begun unix ms, when this run began.
 */
export function watchTables(dir: string, name: string, begun: number = Date.now() - performance.now()): TableWatch {
  let found: readonly TableDamage[] = [];
  return {
    async check() {
      try {
        found = await damagedTables(dir, name, tablesIn(dir, begun));
      } catch (error) {
        found = [{ what: `${name}/`, why: `cannot be read: ${systemReason(error)}` }];
      }
    },
    items: () =>
      found.map(({ what, why }) => ({ name, state: "crit", text: `${what}: ${why}; opsmon fsck tells more` })),
    close: () => undefined,
  };
}
