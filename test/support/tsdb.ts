/** A store in a directory of its own that can be closed, reopened and thrown away. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ManualClock, manualClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { openTsdb, type Tsdb, type TsdbOptions } from "../../src/tsdb/tsdb.ts";

export const T0 = 1_700_000_000_000;

export interface StoreBox extends AsyncDisposable {
  readonly dir: string;
  readonly clock: ManualClock;
  db: Tsdb;
  /** Closes and opens again; `between` runs while nobody holds the files. */
  reopen(between?: () => void | Promise<void>): Promise<Tsdb>;
}

export function temporaryDir(): string {
  return mkdtempSync(join(tmpdir(), "opsmon-test-"));
}

/** @param options `keep` leaves the directory to whoever made it. */
export async function storeBox({
  keep,
  ...options
}: Partial<TsdbOptions> & { keep?: boolean } = {}): Promise<StoreBox> {
  const dir = options.dir ?? temporaryDir();
  const clock = manualClock(T0 + 86_400_000);
  // A test's disk is as full as it is: only tests of the reserve set one.
  const open = (): Promise<Tsdb> => openTsdb({ clock, log: silentLogger, reserveBytes: 0, ...options, dir });
  const box: StoreBox = {
    dir,
    clock,
    db: await open(),
    async reopen(between) {
      await box.db.close();
      await between?.();
      box.db = await open();
      return box.db;
    },
    async [Symbol.asyncDispose]() {
      await box.db.close();
      if (keep !== true) rmSync(dir, { recursive: true, force: true });
    },
  };
  return box;
}
