/**
 * A stopped data directory as a Source. LevelDB has no read-only open and its lock must not be touched while another
 * process may hold it, so a picture is opened instead: tables hard-linked (they never change once written), everything
 * else copied, the lock left out.
 */
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Source } from "../api/source.ts";
import type { Clock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { systemReason } from "../base/system-error.ts";
import { silentLogger } from "../base/log.ts";
import { openJournal } from "../journal/journal.ts";
import { createEngine } from "../promql/engine.ts";
import { openState } from "../state/leveldb.ts";
import type { StateStore } from "../state/state.ts";
import { openTsdb, type Tsdb, type TsdbStats } from "../tsdb/tsdb.ts";
import { LocalSource } from "./local-source.ts";
import { version } from "./version.ts";

/** Files deeper than this are not ours. */
const DEPTH_MAX = 4;

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
  const forget = (): void => rmSync(picture, { recursive: true, force: true });
  try {
    const store = await openTsdb({ dir: picture, clock, log: silentLogger, reserveBytes: 0 });
    const state = await openState(path.join(picture, "state"));
    const close = async (): Promise<void> => {
      await store.close();
      await state.close();
      forget();
    };
    return { store, state, stats: () => renamed(store.stats(), picture, dir), close };
  } catch (error) {
    forget();
    throw inPlaceOf(picture, dir, error);
  }
}

/** Nobody knows the picture's name: what is said of it is said of the directory. */
function inPlaceOf(picture: string, dir: string, error: unknown): unknown {
  if (!(error instanceof UserError) || !error.message.includes(picture)) return error;
  const { code, hint, exit } = error;
  return new UserError(code, error.message.replaceAll(picture, dir), { hint, exit, cause: error });
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
    stats: () => picture.stats(),
    close: () => picture.close(),
  });
}

/** Beside the data when possible, so that links stay on one file system. */
function takePicture(dir: string): string {
  for (const base of [dir, tmpdir()]) {
    let picture: string;
    try {
      picture = mkdtempSync(path.join(base, ".opsmon-read-"));
    } catch {
      continue;
    }
    try {
      copyTree(dir, picture, 0);
      return picture;
    } catch (error) {
      rmSync(picture, { recursive: true, force: true });
      throw new UserError("unreadable", `cannot read "${dir}": ${systemReason(error)}`, { cause: error });
    }
  }
  throw new UserError("unwritable", `neither "${dir}" nor "${tmpdir()}" takes a temporary picture of the data`, {
    hint: "set TMPDIR to a directory with room",
  });
}

function copyTree(from: string, to: string, depth: number): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === "LOCK" || entry.name.startsWith(".opsmon-read-")) continue;
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory() && depth < DEPTH_MAX) {
      mkdirSync(target);
      copyTree(source, target, depth + 1);
    } else if (entry.isFile()) {
      if (!entry.name.endsWith(".ldb") || !linked(source, target)) copyFileSync(source, target);
    }
  }
}

function linked(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch {
    return false;
  }
}
