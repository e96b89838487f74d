/**
 * A picture of a data directory. LevelDB has no read-only open: opening alone writes a manifest, turns its journal into a
 * table and repairs what it finds. So a picture is opened instead: tables hard-linked (they never change once written),
 * everything else copied, in a directory that goes when the reader is done.
 */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { UserError } from "../base/errors.ts";
import { systemReason } from "../base/system-error.ts";

/** Files deeper than this are not ours. */
const DEPTH_MAX = 4;
const PREFIX = ".opsmon-read-";
/** Nobody reads what repairs put aside. */
const SET_ASIDE = /\.damaged-\d+$/;
/** A picture this old whose reader is gone was left by a kill: it would keep dropped tables on the disk for ever. */
const LEFT_MS = 3_600_000;

export interface Picture {
  readonly path: string;
  forget(): void;
}

export interface PictureOptions {
  /** Only these directories; all when absent. */
  readonly only?: readonly string[];
  /** Shares the databases' locks: while the picture is open no engine starts, and with one running it cannot be opened. */
  readonly locked?: boolean;
}

/** Beside the data when possible, so that links stay on one file system. @throws UserError `unreadable`, `unwritable`. */
export function takePicture(dir: string, options: PictureOptions = {}): Picture {
  removeLeft(dir);
  let reason = "";
  for (const base of [dir, tmpdir()]) {
    let picture: string;
    try {
      picture = mkdtempSync(path.join(base, `${PREFIX}${process.pid}-`));
    } catch (error) {
      reason ||= systemReason(error);
      continue;
    }
    const forget = (): void => rmSync(picture, { recursive: true, force: true });
    try {
      copyTree(dir, picture, 0, options);
      return { path: picture, forget };
    } catch (error) {
      forget();
      // A full disk takes no picture; another one may.
      if (base === dir && ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "")) {
        reason = systemReason(error);
        continue;
      }
      throw new UserError("unreadable", `cannot read "${dir}": ${systemReason(error)}`, { cause: error });
    }
  }
  throw new UserError(
    "unwritable",
    `neither "${dir}" nor "${tmpdir()}" takes a temporary picture of the data: ${reason}`,
    {
      hint: "set TMPDIR to a directory with room",
    },
  );
}

function copyTree(from: string, to: string, depth: number, options: PictureOptions): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name.startsWith(PREFIX) || (depth === 0 && SET_ASIDE.test(entry.name))) continue;
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory() && depth < DEPTH_MAX) {
      if (depth === 0 && options.only?.includes(entry.name) === false) continue;
      mkdirSync(target);
      copyTree(source, target, depth + 1, options);
    } else if (!entry.isFile()) {
      continue;
    } else if (entry.name === "LOCK") {
      if (options.locked === true) linked(source, target);
    } else if (!entry.name.endsWith(".ldb") || !linked(source, target)) {
      copyFileSync(source, target);
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

function removeLeft(dir: string): void {
  try {
    for (const name of readdirSync(dir)) {
      const pid = new RegExp(`^\\${PREFIX}(\\d+)-`).exec(name)?.[1];
      const place = path.join(dir, name);
      if (pid === undefined || existsSync(`/proc/${pid}`) || Date.now() - statSync(place).mtimeMs < LEFT_MS) continue;
      rmSync(place, { recursive: true, force: true });
    }
  } catch {
    // Another reader was faster, or the directory is not ours to clean.
  }
}

/** Nobody knows the picture's name: what is said of it is said of the directory. */
export function inPlaceOf(picture: Picture, dir: string, error: unknown): unknown {
  if (!(error instanceof UserError) || !error.message.includes(picture.path)) return error;
  const { code, hint, exit } = error;
  return new UserError(code, error.message.replaceAll(picture.path, dir), { hint, exit, cause: error });
}

/** Whether a process holds one of the directory's databases, as far as this system tells. */
export function isHeld(dir: string): boolean {
  let locks: string;
  try {
    locks = readFileSync("/proc/locks", "utf8");
  } catch {
    return false;
  }
  return ["series", "state"].some((name) => {
    const lock = statSync(path.join(dir, name, "LOCK"), { throwIfNoEntry: false, bigint: true });
    if (lock === undefined) return false;
    const [major, minor] = [(lock.dev >> 8n) & 0xfffn, (lock.dev & 0xffn) | ((lock.dev >> 12n) & 0xfff00n)];
    const hex = (n: bigint): string => n.toString(16).padStart(2, "0");
    return locks.includes(` ${hex(major)}:${hex(minor)}:${lock.ino} `);
  });
}
