/**
 * `node warm.ts TEXT CACHE short|long|restart`: runs common paths of the bundle once in this process and writes V8's compiled
 * code of what was used: `short` for one-shot commands, `long` for the engine and the console, `restart` for an engine that comes
 * back after a kill, up to its first answers. This is what makes a start fast; without it V8 parses megabytes for every `opsmon query`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import vm from "node:vm";

type Body = (exports: object, require: NodeJS.Require, module: object, filename: string, dirname: string) => void;

/** How long one of the runs may take; the longest has to collect twice before it draws. */
const RUN_MS_MAX = 15_000;

const [textFile = "", cacheFile = "", kind = ""] = process.argv.slice(2);

// An engine that is rehearsed must not scrape, or tell anybody, what the one of this account does.
for (const name of Object.keys(process.env)) if (name.startsWith("OPSMON_")) delete process.env[name];

interface Runs {
  readonly run: (...argv: readonly string[]) => void;
  /** Waits until the program has said something like this. */
  readonly until: (what: RegExp) => Promise<void>;
  readonly home: string;
}

async function shortRuns({ run, until, home }: Runs): Promise<void> {
  run("--version");
  await until(/opsmon \d/);
  run("query", "up", "--socket", path.join(home, "nobody.sock"), "--data", path.join(home, "nothing"));
  await until(/hint:/);
}

async function longRuns({ run, until, home }: Runs): Promise<void> {
  const socket = path.join(home, "opsmon.sock");
  run("serve", "--data", path.join(home, "data"), "--socket", socket);
  await until(/msg=ready/);
  run("query", "up", "--socket", socket, "-o", "table");
  await until(/\bup\b.*\d/s);
  run("top", "--once", "--socket", socket);
  await until(/\u2500\u2500/);
}

/** Leaves a data directory as a killed engine does, and starts on it: code that only a first start needs stays out. */
async function restartRuns({ run, until, home }: Runs): Promise<void> {
  const socket = path.join(home, "opsmon.sock");
  const argv = ["serve", "--data", path.join(home, "data"), "--socket", socket, "--listen", "127.0.0.1:0"];
  const first = spawn(process.execPath, ["--no-warnings", path.join(path.dirname(textFile), "opsmon.cjs"), ...argv], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: RUN_MS_MAX,
  });
  let heard = "";
  for await (const text of first.stderr) if (/msg=ready/.test((heard += String(text)))) break;
  if (first.exitCode === null && first.signalCode === null) {
    first.kill("SIGKILL");
    await once(first, "exit");
  }
  run(...argv);
  await until(/msg=ready/);
  for (const asked of ["/-/ready", `/api/v1/query?query=${encodeURIComponent('count({__name__=~".+"})')}`])
    await ask(socket, asked);
}

function ask(socketPath: string, asked: string): Promise<void> {
  return new Promise((resolve, reject) => {
    http.get({ socketPath, path: asked }, (answer) => answer.resume().once("end", resolve)).once("error", reject);
  });
}

const KINDS: Readonly<Record<string, (given: Runs) => Promise<void>>> = {
  short: shortRuns,
  long: longRuns,
  restart: restartRuns,
};

async function warm(runs: (given: Runs) => Promise<void>): Promise<void> {
  const home = mkdtempSync(path.join(os.tmpdir(), "om-warm-"));
  const script = new vm.Script(readFileSync(textFile, "latin1"), { filename: "opsmon.cjs" });
  let said = "";
  const hear = (text: string | Uint8Array): boolean => (said += String(text)) !== "";
  process.stdout.write = hear;
  process.stderr.write = hear;
  await runs({
    home,
    run(...argv) {
      process.argv = [process.execPath, "opsmon", ...argv];
      said = "";
      const body = script.runInThisContext() as Body;
      body({}, createRequire(textFile), { exports: {} }, textFile, path.dirname(textFile));
    },
    async until(what) {
      const end = performance.now() + RUN_MS_MAX;
      while (!what.test(said)) {
        if (performance.now() > end) throw new Error(`${String(what)} did not come; it said ${said}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  });
  // V8 takes compiled code only under the flags it was made under, and the engine sets some for a while.
  setFlagsFromString("--heap-growing-percent=0");
  setFlagsFromString("--turbo-filter=*");
  writeFileSync(cacheFile, script.createCachedData());
  rmSync(home, { recursive: true, force: true });
  // an engine that was started has done its part
  process.exit(0);
}

const runs = KINDS[kind];
if (runs === undefined) throw new Error(`"${kind}" is none of ${Object.keys(KINDS).join(", ")}`);
await warm(runs);
