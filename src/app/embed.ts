/**
 * The engine of a `top` on a machine where none runs: a child process of the same executable, in a session of its own
 * so that the terminal's signals pass it by. It ends when its last screen leaves.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { isSea } from "node:sea";
import { makeDirectory } from "../base/directory.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { systemHint, systemReason } from "../base/system-error.ts";

/** A cold start on a loaded machine stays far below, ms. */
const START_MS_MAX = 30_000;
const POLL_MS = 10;
/** How much of its log is shown when it does not start. */
const LOG_TAIL = 1_500;

export interface EmbedOptions {
  readonly socketPath: string;
  readonly dataDir: string;
  /** Further flags for `opsmon serve`. */
  readonly flags: readonly string[];
  /** Asks whether the engine answers. */
  readonly answers: () => Promise<boolean>;
}

function openLog(file: string): number {
  try {
    return openSync(file, "w", 0o600);
  } catch (cause) {
    throw new UserError("unwritable", `cannot write "${file}": ${systemReason(cause)}`, {
      hint: systemHint(cause) ?? "name another directory with --data",
      cause,
    });
  }
}

/** What an engine says that finds another one at work. */
const ELSEWHERE = /is in use by another process|an engine already answers/;

/**
 * Resolves when the new engine answers.
 *
 * @throws UserError `engine-not-started` with what it said; `engine-elsewhere` when another one has the data or the
 *   socket, and perhaps still needs a moment; `config-invalid`.
 */
export async function startEmbedded({ socketPath, dataDir, flags, answers }: EmbedOptions): Promise<void> {
  makeDirectory(dataDir);
  const logFile = path.join(dataDir, "engine.log");
  const log = openLog(logFile);
  const program = isSea() ? [] : [...process.execArgv, process.argv[1] as string];
  const args = [...program, "serve", "--embedded", "--data", dataDir, "--socket", socketPath, ...flags];
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  let code: number | null | undefined;
  child.once("exit", (status) => {
    code = status;
  });
  child.unref();
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline) {
    if (existsSync(socketPath) && (await answers())) return;
    if (code !== undefined) break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const config = flags[flags.indexOf("--config") + 1];
  if (code === EXIT.invalid && flags.includes("--config") && config !== undefined) {
    // Only the end of its log is shown; mistakes in the configuration are told whole.
    const { loadSettings } = await import("./settings.ts");
    loadSettings(config, process.env);
  }
  const said = readFileSync(logFile, "utf8").slice(-LOG_TAIL).trim();
  throw new UserError(
    ELSEWHERE.test(said) ? "engine-elsewhere" : "engine-not-started",
    `the engine did not start${said === "" ? "" : `:\n${said}`}`,
    {
      hint: `its log is ${logFile}`,
      exit: code === EXIT.invalid || code === EXIT.damaged || code === EXIT.usage ? code : EXIT.unreachable,
    },
  );
}
