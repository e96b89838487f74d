/**
 * What lies in a data directory and is none of opsmon's: named wherever it lies, never touched. Looked for by name and
 * kind alone; a file under a name that LevelDB gives its own files is LevelDB's, which removes those it does not know.
 */
import { type Dirent, readdirSync } from "node:fs";
import path from "node:path";
import { counted } from "../model/count.ts";

/** Names kept; a directory full of somebody's files must not fill the screen. */
const NAMES_MAX = 1_000;
const NAMES_SHOWN = 10;

const LEVEL_FILES = /^(?:\d+\.(?:ldb|sst|log|dbtmp)|MANIFEST-\d+|CURRENT|LOCK|LOG|LOG\.old)$/;
/** By directory: files and directories that belong there. Repairing puts what it cannot read into `lost`. */
const OWN = [
  {
    dir: "",
    files: /^(?:marks|starting|reading|backup\.json|opsmon\.sock|engine\.log)$/,
    dirs: /^(?:(?:series|state|log)(?:\.damaged-\d+)?|lost\+found|\.opsmon-read-[\w-]+)$/,
  },
  { dir: "series", files: LEVEL_FILES, dirs: /^lost$/ },
  { dir: "state", files: LEVEL_FILES, dirs: /^lost$/ },
  { dir: "log", files: /^0[01]\d{6}\.log$/, dirs: /^$/ },
] as const;

function entries(dir: string): readonly Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    // What cannot be looked at is for those to tell who have to read it.
    return [];
  }
}

/** Paths in the data directory that are not opsmon's, sorted; a directory stands for all in it. */
export function foreignFiles(dataDir: string): readonly string[] {
  const found: string[] = [];
  for (const { dir, files, dirs } of OWN) {
    for (const entry of entries(path.join(dataDir, dir))) {
      const isOwn = entry.isDirectory()
        ? dirs.test(entry.name)
        : entry.isFile() || entry.isSocket()
          ? files.test(entry.name)
          : false;
      if (!isOwn) found.push(path.join(dir, entry.name));
    }
  }
  return found.sort().slice(0, NAMES_MAX);
}

/** Directories with what was taken out of databases and log as damaged, by us or (`lost`) by LevelDB's repair. */
export function setAsideIn(dataDir: string): readonly string[] {
  const aside = entries(dataDir)
    .filter((entry) => entry.isDirectory() && /^(?:series|state|log)\.damaged-\d+$/.test(entry.name))
    .map(({ name }) => name);
  const lost = ["series/lost", "state/lost"].filter((name) => entries(path.join(dataDir, name)).length > 0);
  return [...aside, ...lost].sort();
}

/** One sentence, or undefined when there is nothing foreign. */
export function foreignText(dataDir: string): string | undefined {
  const names = foreignFiles(dataDir);
  if (names.length === 0) return undefined;
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
  const what = counted(
    names.length,
    "file is not opsmon's and is left alone",
    "files are not opsmon's and are left alone",
  );
  return `${what}: ${names.slice(0, NAMES_SHOWN).join(", ")}${more}`;
}
