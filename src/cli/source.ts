/**
 * Which Source a command asks: `--url`, else a running engine's socket (`--socket`, OPSMON_SOCKET, the user's, the
 * service's), else the data directory opened by this process itself, read-only.
 */
import { existsSync, readFileSync } from "node:fs";
import { type EngineSource, engineSource } from "../api/client/engine.ts";
import { PrometheusSource } from "../api/client/prometheus.ts";
import type { Source } from "../api/source.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { unreadable } from "../base/system-error.ts";
import { dataDirOf, socketCandidates } from "../config/paths.ts";
import type { Invocation, OptionSpec } from "./command.ts";

export const SOURCE_OPTIONS: readonly OptionSpec[] = [
  { flags: "--url <url>", help: "ask any Prometheus-compatible server instead of the local engine", env: "OPSMON_URL" },
  { flags: "--header <name:value>", help: "HTTP header for --url", many: true },
  {
    flags: "--token <token>",
    help: "bearer token for --url; better in OPSMON_TOKEN, which no ps shows",
    env: "OPSMON_TOKEN",
  },
  { flags: "--token-file <file>", help: "file with the bearer token for --url", env: "OPSMON_TOKEN_FILE" },
  {
    flags: "--ca-file <file>",
    help: "certificates that --url is trusted by, beside the usual ones",
    env: "OPSMON_CA_FILE",
  },
  { flags: "--socket <path>", help: "socket of the running engine", env: "OPSMON_SOCKET" },
  { flags: "--data <dir>", help: "data directory; opened read-only when no engine runs on it", env: "OPSMON_DATA" },
];

export function urlSource(call: Invocation): PrometheusSource | undefined {
  const text = call.options.text("url");
  if (text === undefined) return undefined;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new UserError("bad-url", `"${text}" is not an http or https URL`, {
      hint: "for example http://127.0.0.1:9090",
      exit: EXIT.usage,
    });
  }
  const headers: Record<string, string> = {};
  for (const line of call.options.list("header")) {
    const colon = line.indexOf(":");
    if (colon < 1)
      throw new UserError("bad-header", `"${line}" is not a header`, { hint: 'write "Name: value"', exit: EXIT.usage });
    headers[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  const tokenFile = call.options.text("tokenFile");
  const token = tokenFile === undefined ? call.options.text("token") : readText(tokenFile, "token").trim();
  if (token !== undefined && token !== "") headers["authorization"] = `Bearer ${token}`;
  const caFile = call.options.text("caFile");
  const ca = caFile === undefined ? {} : { ca: readText(caFile, "certificates") };
  return new PrometheusSource({ kind: "url", url: new URL(text), headers, ...ca });
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw unreadable(file, cause, { what: `${what} in`, exit: EXIT.usage });
  }
}

/** The engine whose socket exists first, or undefined when none runs. */
export function runningEngine(call: Invocation): EngineSource | undefined {
  const path = socketCandidates(call.options.text("socket"), call.options.text("data"), call.io.env).find((one) =>
    existsSync(one),
  );
  return path === undefined ? undefined : engineSource(path);
}

/** @throws UserError `no-engine` (exit 4) when nothing can answer. */
export async function openSource(call: Invocation): Promise<Source> {
  const foreign = urlSource(call);
  if (foreign !== undefined) return foreign;
  const engine = runningEngine(call);
  if (engine !== undefined && (await alive(engine))) return engine;
  const socket = call.options.text("socket");
  const data = call.options.text("data");
  if (socket !== undefined && data === undefined) throw nobodyOn(socket);
  const dir = dataDirOf(data, call.io.env);
  if (existsSync(dir)) {
    if (call.io.stderrIsTty) call.io.err(`no engine runs: reading ${dir} as it was left\n`);
    const { directorySource } = await import("../app/directory.ts");
    return directorySource(dir, call.clock);
  }
  throw noEngine();
}

/** The engine that answers on its socket, or undefined when none does. */
export async function livingEngine(call: Invocation): Promise<EngineSource | undefined> {
  const engine = runningEngine(call);
  return engine !== undefined && (await alive(engine)) ? engine : undefined;
}

/** For what only a running engine can do. @throws UserError `no-engine` (exit 4). */
export async function openEngine(call: Invocation): Promise<EngineSource> {
  const engine = runningEngine(call);
  if (engine !== undefined && (await alive(engine))) return engine;
  throw new UserError("no-engine", "this needs a running engine, and none answers", {
    hint: 'start one with "opsmon serve" (or "opsmon top"), or name its socket with --socket',
    exit: EXIT.unreachable,
  });
}

async function alive(engine: EngineSource): Promise<boolean> {
  try {
    await engine.status();
    return true;
  } catch (error) {
    if (error instanceof UserError && error.code === "unreachable") return false;
    throw error;
  }
}

/** Who names a socket means that engine: another one's data would be a wrong answer. */
function nobodyOn(socket: string): UserError {
  return new UserError("no-engine", `no opsmon engine answers on the socket "${socket}"`, {
    hint: "is it running? name its data directory with --data to read what it left",
    exit: EXIT.unreachable,
  });
}

function noEngine(): UserError {
  return new UserError("no-engine", "no opsmon engine is running and there is no data directory to read", {
    hint: 'start one with "opsmon serve" (or "opsmon top"), or ask another server with --url',
    exit: EXIT.unreachable,
  });
}
