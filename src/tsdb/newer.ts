/** What a newer opsmon wrote is refused by the first bytes of its files, before anything is opened: opening changes files. */
import { listLog, refuseNewerLog } from "./log.ts";
import { marksOf } from "./marks.ts";

/** @throws UserError `store-format` (exit 6). */
export function refuseNewer(dir: string): void {
  refuseNewerLog(`${dir}/log`, listLog(`${dir}/log`).files);
  marksOf(dir);
}
