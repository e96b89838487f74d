/**
 * Making directories. In: a path. Out: a directory there that takes files, or a sentence why not. Made step by step from the nearest
 * ancestor that exists: Node's own recursive form never returns on file systems that answer "no such file" to a
 * mkdir, /proc among them, and reports a file in the way as if the directory existed.
 */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { EXIT, UserError } from "./errors.ts";
import { systemCode, systemHint, systemReason } from "./system-error.ts";

/** Only the owner may look into what opsmon keeps. */
const MODE = 0o700;

function refusal(dir: string, place: string, cause: unknown): UserError {
  const impossible = systemCode(cause) === "ENOENT";
  return new UserError(
    "unwritable",
    `cannot make the directory "${dir}": ${impossible ? "nothing can be made" : systemReason(cause)} in "${path.dirname(place)}"`,
    {
      hint: impossible ? "choose a place on a disk" : (systemHint(cause) ?? "choose another place"),
      exit: EXIT.invalid,
      cause,
    },
  );
}

/** Whether a directory is there. @throws UserError `not-a-directory`; `unwritable` when it cannot even be looked at. */
function isThere(place: string, dir: string): boolean {
  let found: ReturnType<typeof statSync>;
  try {
    found = statSync(place, { throwIfNoEntry: false });
  } catch (cause) {
    // A file among the ancestors: going up finds it.
    if (systemCode(cause) === "ENOTDIR") return false;
    throw refusal(dir, place, cause);
  }
  if (found === undefined) return false;
  if (found.isDirectory()) return true;
  throw new UserError("not-a-directory", `"${place}" is not a directory`, {
    hint:
      place === dir
        ? "name a directory that opsmon may fill, or a place where it can make one"
        : `"${dir}" cannot lie inside of it; name another place`,
    exit: EXIT.invalid,
  });
}

/**
 * Makes `dir` and what is missing above it, and makes sure that files can be made there.
 *
 * @throws UserError `not-a-directory` (exit 3) when a file is in the way; `unwritable` (exit 3) when the system refuses.
 */
export function makeDirectory(dir: string, mode: number = MODE): void {
  const whole = path.resolve(dir);
  const missing: string[] = [];
  for (let place = whole; !isThere(place, whole); place = path.dirname(place)) missing.push(place);
  for (const place of missing.reverse()) {
    try {
      mkdirSync(place, { mode });
    } catch (cause) {
      // Another process made it in the meantime.
      if (systemCode(cause) === "EEXIST" && isThere(place, whole)) continue;
      throw refusal(whole, place, cause);
    }
  }
  try {
    accessSync(whole, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new UserError("unwritable", `nothing can be written in "${whole}": ${systemReason(cause)}`, {
      hint: systemHint(cause) ?? "choose another place",
      exit: EXIT.invalid,
      cause,
    });
  }
}
