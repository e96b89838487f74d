/** A stopped data directory as a Source: a picture of it is opened, never the directory itself. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { Source } from "../api/source.ts";
import type { Clock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { openJournal } from "../journal/journal.ts";
import { createEngine } from "../promql/engine.ts";
import { openState } from "../state/leveldb.ts";
import { STATE_HOLDS, type StateStore } from "../state/state.ts";
import { openTsdb, type Tsdb, type TsdbStats } from "../tsdb/tsdb.ts";
import { LocalSource } from "./local-source.ts";
import { mendTables } from "./mend-tables.ts";
import { inPlaceOf, isHeld, takePicture } from "./picture.ts";
import type { TableDamage } from "./tables.ts";
import { version } from "./version.ts";

/** @throws UserError `not-a-store`. */
export function mustHoldData(dir: string): void {
  if (!existsSync(path.join(dir, "series")) && !existsSync(path.join(dir, "log"))) {
    throw new UserError("not-a-store", `"${dir}" holds no opsmon data`, {
      hint: 'start an engine with "opsmon serve", or name the right directory with --data',
      exit: EXIT.unreachable,
    });
  }
}

interface OpenPicture {
  readonly store: Tsdb;
  /** As of the directory itself. */
  stats(): TsdbStats;
  readonly state: StateStore;
  close(): Promise<void>;
}

/** The stores of a data directory as they are now, for reading. @throws UserError `not-a-store`, `store-damaged` (exit 6). */
export async function openPicture(dir: string, clock: Clock): Promise<OpenPicture> {
  mustHoldData(dir);
  const picture = takePicture(dir);
  try {
    // LevelDB would end this process over wrong bytes in some places: all of its tables are looked through before.
    const damaged: TableDamage[] = [];
    for (const name of ["series", "state"])
      damaged.push(...(await mendTables(path.join(picture.path, name), { keep: false })).damage);
    const store = await openTsdb({ dir: picture.path, clock, log: silentLogger, reserveBytes: 0, damaged });
    const stateDir = path.join(picture.path, "state");
    store.accompany("state", existsSync(path.join(stateDir, "CURRENT")), STATE_HOLDS);
    const state = await openState(stateDir);
    const close = async (): Promise<void> => {
      await store.close();
      await state.close();
      picture.forget();
    };
    return { store, state, stats: () => renamed(store.stats(), picture.path, dir), close };
  } catch (error) {
    picture.forget();
    throw inPlaceOf(picture, dir, error);
  }
}

/** The store as it stands, so that its damage is that of the directory. */
function renamed(stats: TsdbStats, picture: string, dir: string): TsdbStats {
  const named = (text: string): string => text.replaceAll(picture, dir);
  return {
    ...stats,
    setAside: undefined,
    quarantined: stats.quarantined.map((one) => ({ ...one, what: named(one.what), why: named(one.why) })),
  };
}

export async function directorySource(dir: string, clock: Clock): Promise<Source> {
  const picture = await openPicture(dir, clock);
  const { store, state } = picture;
  return new LocalSource({
    kind: "directory",
    place: dir,
    store,
    engine: createEngine({ queryable: store, clock }),
    journal: openJournal(state, clock),
    clock,
    version,
    held: isHeld(dir),
    stats: () => picture.stats(),
    close: () => picture.close(),
  });
}
