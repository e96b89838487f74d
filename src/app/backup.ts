/** The whole data directory, copied and put back: samples and append log by the store, state beside them. */
import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import path from "node:path";
import type { BackupStep } from "../api/services.ts";
import type { Clock } from "../base/clock.ts";
import { EXIT, UserError, errorText } from "../base/errors.ts";
import { counted } from "../model/count.ts";
import { copyState } from "../state/copy.ts";
import type { StateStore } from "../state/state.ts";
import { restoreStore } from "../tsdb/backup.ts";
import type { Tsdb } from "../tsdb/tsdb.ts";
import { openPicture } from "./directory.ts";

/** How often a step is told, ms. */
const STEP_MS = 200;

/** Copies what is in use, telling how far it is; the last step carries the result. */
export async function* backupSteps(
  tsdb: Tsdb,
  state: StateStore,
  clock: Clock,
  target: string,
): AsyncGenerator<BackupStep> {
  const { diskBytes } = tsdb.stats();
  let bytes = 0;
  const work = tsdb
    .backup(target, {
      onProgress: (_, done) => (bytes = done),
      beside: async (dir) => void (await copyState(state, path.join(dir, "state"))),
    })
    .then(
      (report): BackupStep => ({ ...report, total: report.bytes, done: true }),
      (error: unknown) => {
        if (error instanceof UserError) throw error;
        throw new UserError("backup-failed", `cannot write the backup "${target}": ${errorText(error)}`, {
          hint: "what is there is incomplete: remove it before the next try",
          exit: EXIT.invalid,
          cause: error,
        });
      },
    );
  work.catch(() => undefined);
  for (;;) {
    let timer: Disposable | undefined;
    const pause = new Promise<undefined>((resolve) => {
      timer = clock.after(STEP_MS, () => resolve(undefined));
    });
    const finished = await Promise.race([work, pause]).finally(() => timer?.[Symbol.dispose]());
    if (finished !== undefined) return yield finished;
    yield { bytes, total: Math.max(bytes, diskBytes), records: 0, done: false };
  }
}

/**
 * The same for a directory that no engine runs on, of which a picture is read.
 *
 * @throws UserError `not-a-store`; `store-damaged` (exit 6) behind the last step when not all could be read.
 */
export async function* backupDirectory(dir: string, clock: Clock, target: string): AsyncGenerator<BackupStep> {
  const picture = await openPicture(dir, clock);
  let damaged: number;
  try {
    yield* backupSteps(picture.store, picture.state, clock, target);
    damaged = picture.stats().quarantined.length;
  } finally {
    await picture.close();
  }
  if (damaged === 0) return;
  throw new UserError("store-damaged", `the backup lacks what ${counted(damaged, "damaged place")} of "${dir}" held`, {
    hint: '"opsmon fsck" names them',
    exit: EXIT.damaged,
  });
}

/** @throws UserError `not-a-backup` (exit 3), `target-not-empty`. */
export async function restoreDirectory(backup: string, dir: string): Promise<void> {
  await restoreStore(backup, dir);
  const state = path.join(backup, "state");
  if (existsSync(state))
    await cp(state, path.join(dir, "state"), { recursive: true, filter: (source) => path.basename(source) !== "LOCK" });
}
