/** `opsmon backup DIR` and `opsmon restore DIR`: all data, copied while the engine serves, and put back. */
import path from "node:path";
import { EXIT } from "../../base/errors.ts";
import { dataDirOf } from "../../config/paths.ts";
import { formatValue } from "../../model/unit.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { type Progress, progressBar } from "../progress.ts";
import { livingEngine } from "../source.ts";

const SOCKET = { flags: "--socket <path>", help: "socket of the running engine", env: "OPSMON_SOCKET" };

interface Copied {
  readonly bytes: number;
  readonly records: number;
}

async function copy(call: Invocation, target: string, progress: Progress): Promise<Copied> {
  const engine = await livingEngine(call);
  if (engine !== undefined) {
    await using one = engine;
    return await one.backup(target, ({ bytes, total }) => progress.update(bytes, total));
  }
  const { backupDirectory } = await import("../../app/backup.ts");
  let last: Copied = { bytes: 0, records: 0 };
  for await (const step of backupDirectory(dataDirOf(call.options.text("data"), call.io.env), call.clock, target)) {
    progress.update(step.bytes, step.total);
    last = step;
  }
  return last;
}

export const backup: CommandSpec = {
  name: "backup",
  summary: "copy all data into a new directory, while the engine serves",
  args: [["<dir>", "where to; must not exist yet, or be empty"]],
  options: [SOCKET, { flags: "--data <dir>", help: "data directory", env: "OPSMON_DATA" }],
  examples: [
    ["opsmon backup /mnt/backup/opsmon-$(date +%F)", "consistent; nothing stops meanwhile"],
    ["opsmon review /mnt/backup/opsmon-2026-11-20", "a backup is a data directory like any other"],
  ],
  async run(call) {
    const target = path.resolve(call.args[0] as string);
    using progress = await progressBar(call, "backup");
    const { bytes, records } = await copy(call, target, progress);
    progress[Symbol.dispose]();
    call.io.out(`${formatValue(bytes, "bytes")} in ${records} records copied to ${target}\n`);
    return EXIT.ok;
  },
};

export const restore: CommandSpec = {
  name: "restore",
  summary: "put a backup into an empty data directory",
  args: [["<backup>", "a directory that opsmon backup made"]],
  options: [{ flags: "--data <dir>", help: "data directory, empty or not there yet", env: "OPSMON_DATA" }],
  examples: [["opsmon restore /mnt/backup/opsmon-2026-11-20 --data /var/lib/opsmon", ""]],
  async run(call) {
    const { restoreDirectory } = await import("../../app/backup.ts");
    const dir = dataDirOf(call.options.text("data"), call.io.env);
    await restoreDirectory(path.resolve(call.args[0] as string), dir);
    call.io.out(`restored into ${dir}\n`);
    return EXIT.ok;
  },
};
