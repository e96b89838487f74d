/**
 * Where opsmon keeps things when nothing is said: the user's XDG directories, or the service's fixed ones.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
import { homedir } from "node:os";
import path from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

export const SERVICE_SOCKET = "/run/opsmon/opsmon.sock";
export const SERVICE_CONFIG = "/etc/opsmon/opsmon.yml";
const SOCKET_NAME = "opsmon.sock";

function home(env: Environment): string {
  return env["HOME"] ?? homedirOr("/tmp");
}

/** A uid without a passwd entry and without HOME has no home; the program must still start. */
function homedirOr(fallback: string): string {
  try {
    return homedir();
  } catch {
    return fallback;
  }
}

/**
 * The data directory: the flag or OPSMON_DATA, else what systemd gives a service (`StateDirectory=opsmon`, usually
 * /var/lib/opsmon), else `$XDG_STATE_HOME/opsmon`.
 */
export function dataDirOf(flag: string | undefined, env: Environment): string {
  const named = flag ?? env["OPSMON_DATA"] ?? env["STATE_DIRECTORY"];
  return path.resolve(named ?? path.join(env["XDG_STATE_HOME"] ?? path.join(home(env), ".local/state"), "opsmon"));
}

/** Where an engine listens: the flag, else inside a data directory that was named, else the user's runtime directory. */
export function socketOf(flag: string | undefined, dataFlag: string | undefined, env: Environment): string {
  const named = flag ?? env["OPSMON_SOCKET"];
  if (named !== undefined) return path.resolve(named);
  const data = dataFlag ?? env["OPSMON_DATA"];
  const runtime = env["RUNTIME_DIRECTORY"] ?? env["XDG_RUNTIME_DIR"];
  if (data !== undefined || runtime === undefined) return path.join(dataDirOf(data, env), SOCKET_NAME);
  return path.join(runtime, SOCKET_NAME);
}

/** Sockets a client tries, in order. Naming a data directory or a socket leaves no other choice. */
export function socketCandidates(
  flag: string | undefined,
  dataFlag: string | undefined,
  env: Environment,
): readonly string[] {
  const own = socketOf(flag, dataFlag, env);
  const named = flag ?? env["OPSMON_SOCKET"] ?? dataFlag ?? env["OPSMON_DATA"];
  return named === undefined ? [own, SERVICE_SOCKET] : [own];
}
