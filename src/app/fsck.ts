/** fsck of a whole data directory: every sample, every record of the state. */
import { existsSync } from "node:fs";
import path from "node:path";
import { openState } from "../state/leveldb.ts";
import { type VerifyOptions, type VerifyReport, verifyStore } from "../tsdb/verify.ts";

export interface CheckReport extends VerifyReport {
  readonly stateRecords: number;
}

/** @throws UserError `no-store`, `store-locked` (exit 4), `store-unusable`. */
export async function checkDirectory(dir: string, options: VerifyOptions): Promise<CheckReport> {
  const report = await verifyStore(dir, options);
  const stateDir = path.join(dir, "state");
  if (!existsSync(stateDir)) return { ...report, stateRecords: 0 };
  const state = await openState(stateDir);
  try {
    let stateRecords = 0;
    for await (const _ of state.scan({})) stateRecords++;
    const damaged = state.damaged().map((key) => ({ what: `state record "${key}"`, why: "checksum does not fit" }));
    return { ...report, stateRecords, problems: [...report.problems, ...damaged] };
  } finally {
    await state.close();
  }
}
