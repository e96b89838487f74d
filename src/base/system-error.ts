/**
 * What the operating system refuses, in words a person can act on. In: an error of `node:fs` or `node:net`. Out: its
 * reason without Node's decoration: the code, the system call and the path that the sentence around it names already.
 */
import { type ExitCode, UserError, errorText } from "./errors.ts";

const DECORATED = /^[A-Z][A-Z0-9_]*: ([^]*?), [a-z_0-9]+(?: '[^]*')?$/;
/** As `node:net` words it: `listen EADDRINUSE: address already in use 127.0.0.1:9090`, without the place for one that was bound before. */
const OF_SOCKETS = /^(?:listen|connect|bind) [A-Z][A-Z0-9_]*: ([a-z ]*[a-z])(?: \S*[^a-z\s]\S*)?$/;

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "check the spelling of the path; a relative one starts in the current directory",
  ENOTDIR: "a part of this path is a file, not a directory",
  EISDIR: "name a file, not a directory",
  EACCES: "check the owner and the permissions, also of the directories above it",
  EPERM: "check the owner and the permissions, also of the directories above it",
  EROFS: "mount its file system for writing, or name another place",
  ENOSPC: "its disk is full",
  EDQUOT: "its disk quota is used up",
  EMFILE: "too many files are open; raise the limit with ulimit -n",
};

/** `ENOENT` …; undefined when the error does not come from the system. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" && "syscall" in (error as object) ? code : undefined;
}

/** The bare reason, e.g. `no such file or directory`; the message as it is for other errors. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  if (code === undefined) return errorText(error);
  if (code === "EISDIR") return "it is a directory";
  return errorText(error).replace(DECORATED, "$1").replace(OF_SOCKETS, "$1");
}

/** What to do about it, where there is something to say. */
export function systemHint(error: unknown): string | undefined {
  const code = systemCode(error);
  return code === undefined ? undefined : HINTS[code];
}

/** The error for a file that cannot be read: its path once, the reason, a hint. Code `unreadable`. */
export function unreadable(
  file: string,
  cause: unknown,
  options: { readonly what?: string; readonly exit?: ExitCode } = {},
): UserError {
  const { what, exit } = options;
  const named = what === undefined ? `"${file}"` : `the ${what} "${file}"`;
  return new UserError("unreadable", `cannot read ${named}: ${systemReason(cause)}`, {
    hint: systemHint(cause),
    cause,
    ...(exit === undefined ? {} : { exit }),
  });
}
