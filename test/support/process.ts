/**
 * The program as its users run it: a process of its own with a home, a state directory and a socket of its own.
 * `OPSMON_TEST_BINARY` runs the same tests on the single binary instead of the bundle in dist/.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";

export const root: string = path.resolve(import.meta.dirname, "../..");

/** What to execute, before the program's own arguments. */
export function program(): readonly [string, ...string[]] {
  const binary = process.env["OPSMON_TEST_BINARY"];
  return binary === undefined ? [process.execPath, "--no-warnings", path.join(root, "dist/opsmon.cjs")] : [binary];
}

export interface TempDir extends Disposable {
  readonly path: string;
}

/** A directory with a short path (a socket's path has at most 107 bytes), removed at the end of the scope. */
export function tempDir(): TempDir {
  const dir = mkdtempSync(path.join(os.tmpdir(), "om-"));
  return { path: dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }) };
}

/** An environment in which nothing of the caller's own opsmon, colours or locale is found. */
export function isolated(home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  for (const dir of ["state", "run", "config", "cache"])
    mkdirSync(path.join(home, dir), { recursive: true, mode: 0o700 });
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    XDG_STATE_HOME: path.join(home, "state"),
    XDG_RUNTIME_DIR: path.join(home, "run"),
    XDG_CONFIG_HOME: path.join(home, "config"),
    XDG_CACHE_HOME: path.join(home, "cache"),
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    TZ: "UTC",
    TERM: "xterm-256color",
    ...more,
  };
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running extends AsyncDisposable {
  readonly pid: number;
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly finished: Promise<Finished>;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Finished>;
}

export interface RunOptions {
  /** Where HOME and the XDG directories lie. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Killed after so long; 20 s unless told. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 20_000;

/** Starts opsmon; the caller stops it, or the scope's end does. */
export function startOpsmon(argv: readonly string[], options: RunOptions): Running {
  const [command, ...before] = program();
  const child = spawn(command, [...before, ...argv], {
    cwd: options.cwd ?? options.home,
    env: isolated(options.home, options.env),
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // a program that does not read its input closes the pipe first
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const stop = (signal: NodeJS.Signals = "SIGTERM"): Promise<Finished> => {
    child.kill(signal);
    return finished;
  };
  return {
    pid: child.pid ?? 0,
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    finished,
    stop,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await stop("SIGKILL");
    },
  };
}

/** Runs opsmon to its end. */
export async function opsmon(argv: readonly string[], options: RunOptions): Promise<Finished> {
  const running = startOpsmon(argv, options);
  const timer = setTimeout(() => running.child.kill("SIGKILL"), options.timeoutMs ?? TIMEOUT_MS);
  try {
    return await running.finished;
  } finally {
    clearTimeout(timer);
  }
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One GET over a unix socket. */
export function getOverSocket(socketPath: string, target: string, timeoutMs = 5_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path: target, timeout: timeoutMs }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer from ${socketPath} in ${timeoutMs} ms`)));
    request.on("error", reject);
  });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Polls until `probe` gives something.
 *
 * @throws Error that says `what` was waited for and the last failure.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 15_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last = "";
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error instanceof Error ? `: ${error.message}` : "";
    }
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}${last}`);
    await pause(50);
  }
}

export interface Engine extends Running {
  readonly socket: string;
  readonly data: string;
  /** The body of a GET, parsed. @throws Error on a status other than 200. */
  get(target: string): Promise<unknown>;
}

/** `opsmon serve` with data and socket under `home`, ready to answer. */
export async function startEngine(
  options: RunOptions & { readonly config?: string; readonly argv?: readonly string[] },
): Promise<Engine> {
  const data = path.join(options.home, "data");
  const socket = path.join(options.home, "opsmon.sock");
  const config = options.config === undefined ? [] : ["--config", options.config];
  const running = startOpsmon(
    ["serve", "--data", data, "--socket", socket, ...config, ...(options.argv ?? [])],
    options,
  );
  let ended: Finished | undefined;
  void running.finished.then((finished) => (ended = finished));
  await eventually("the engine", async () => {
    if (ended !== undefined) return true;
    return (await getOverSocket(socket, "/-/ready")).status === 200;
  });
  if (ended !== undefined) throw new Error(`opsmon serve ended with ${ended.code}: ${ended.stderr}`);
  const get = async (target: string): Promise<unknown> => {
    const { status, body } = await getOverSocket(socket, target);
    if (status !== 200) throw new Error(`${target} answered ${status}: ${body}`);
    return JSON.parse(body) as unknown;
  };
  return { ...running, socket, data, get };
}

export interface Page extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** How often it was asked for. */
  hits(): number;
  /** Answers with `body` from now on. */
  set(body: string, type?: string): void;
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** An exporter: one page under every path. */
export async function startPage(body: string): Promise<Page> {
  let text = body;
  let contentType = "text/plain; version=0.0.4";
  let count = 0;
  const server = http.createServer((_request, response) => {
    count++;
    response.setHeader("content-type", contentType);
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/metrics`,
    hits: () => count,
    set(next, type = contentType) {
      text = next;
      contentType = type;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
