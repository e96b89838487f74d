/**
 * `node bin/lock.ts`: completes package-lock.json after an `npm install`. npm leaves out platform packages that the
 * registry at hand does not list (a mirror may hold only its own platform's) and then refuses its own file in `npm ci`:
 * "Missing: … from lock file". The added entries name the platform, so npm skips them everywhere else; `--check` only
 * says whether any is missing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

interface Entry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  packages: Record<string, Entry>;
}

const PLATFORM =
  /(?<os>android|darwin|freebsd|linux|win32|openharmony|netbsd|openbsd|sunos|aix)-(?<cpu>arm64|arm|x64|ia32|ppc64|riscv64|s390x|loong64|mips64el)(?:-(?<abi>\w+))?$/;

/** Where Node would find `name` when asked from `folder`, among what the lock holds. */
function holds(packages: Readonly<Record<string, Entry>>, folder: string, name: string): boolean {
  for (let at = folder; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    if (packages[`${at === "" ? "" : `${at}/`}node_modules/${name}`] !== undefined) return true;
    if (at === "") return false;
  }
}

/** Entries that npm would miss, by their place in the lock. */
export function missingEntries(lock: Lock): ReadonlyMap<string, object> {
  const missing = new Map<string, object>();
  for (const [folder, entry] of Object.entries(lock.packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      const platform = PLATFORM.exec(name)?.groups;
      if (platform === undefined || holds(lock.packages, folder, name)) continue;
      const { os, cpu, abi = "" } = platform;
      missing.set(`node_modules/${name}`, {
        version: range.replace(/^[\^~]/, ""),
        cpu: [cpu],
        ...(entry.dev === true ? { dev: true } : {}),
        ...(os === "linux" ? { libc: [abi.startsWith("musl") ? "musl" : "glibc"] } : {}),
        optional: true,
        os: [os],
      });
    }
  }
  return missing;
}

function run(): void {
  const file = path.resolve(import.meta.dirname, "../package-lock.json");
  const lock = JSON.parse(readFileSync(file, "utf8")) as Lock;
  const missing = missingEntries(lock);
  console.error(
    `lock: ${missing.size} platform packages missing${missing.size > 0 ? `, e.g. ${[...missing.keys()][0]}` : ""}`,
  );
  if (missing.size === 0) return;
  if (process.argv.includes("--check")) {
    process.exitCode = 1;
    return;
  }
  const all = Object.entries({ ...lock.packages, ...Object.fromEntries(missing) });
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
}

if (process.argv[1] === import.meta.filename) run();
