/**
 * Loads the LevelDB addon: from beside the bundle, or from the bytes inside the single binary. A native addon can
 * only be loaded from a file, so those bytes are written to a private directory, loaded and unlinked at once.
 * One copy per process, whatever the number of threads: two copies would open one database twice without an error.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

function open(file: string): unknown {
  const holder: { exports: unknown } = { exports: {} };
  process.dlopen(holder, file, os.constants.dlopen.RTLD_NOW);
  return holder.exports;
}

/** Directories worth trying, best first: the usual ones may be missing, read-only or mounted noexec. */
function homes(): readonly string[] {
  const env = process.env;
  const cache = env["XDG_CACHE_HOME"] ?? (env["HOME"] === undefined ? undefined : path.join(env["HOME"], ".cache"));
  const all = [env["OPSMON_CACHE_DIR"], env["XDG_RUNTIME_DIR"], os.tmpdir(), "/dev/shm", "/var/tmp", cache];
  all.push(path.dirname(process.execPath));
  return [...new Set(all.filter((dir): dir is string => dir !== undefined && dir !== ""))];
}

/** @throws Error that names every directory tried, when the bytes can be loaded from none of them. */
export function loadAddon(name: string): unknown {
  const sea = process.getBuiltinModule("node:sea");
  if (!sea.isSea()) return open(path.join(__dirname, name));
  const key = `addon:${name}`;
  const known = getEnvironmentData(key);
  if (typeof known === "string") return open(known);
  const bytes = new Uint8Array(sea.getRawAsset(name));
  const refusals: string[] = [];
  for (const home of homes()) {
    let dir: string | undefined;
    try {
      dir = mkdtempSync(path.join(home, ".opsmon-"));
      const file = path.join(dir, name);
      writeFileSync(file, bytes, { mode: 0o500, flag: "wx" });
      const addon = open(file);
      setEnvironmentData(key, file);
      return addon;
    } catch (error) {
      refusals.push(`${home}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
    }
  }
  throw new Error(
    `cannot load ${name}; set OPSMON_CACHE_DIR to a writable directory not mounted noexec:\n  ${refusals.join("\n  ")}`,
  );
}
