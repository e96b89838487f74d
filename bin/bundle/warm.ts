/**
 * `node warm.ts TEXT CACHE short|long`: runs common paths of the bundle once in this process and writes V8's compiled
 * code of what was used: `short` for one-shot commands, `long` for the engine and the console. In the single binary
 * this is what makes a start fast; without it V8 parses three megabytes for every `opsmon query`.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import vm from "node:vm";

type Body = (exports: object, require: NodeJS.Require, module: object, filename: string, dirname: string) => void;

/** How long one of the runs may take; the longest has to collect twice before it draws. */
const RUN_MS_MAX = 15_000;

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

async function warm(textFile: string, cacheFile: string, runs: (given: Runs) => Promise<void>): Promise<void> {
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
  // V8 takes compiled code only under the flags it was made under, and the engine sets one after a while.
  setFlagsFromString("--heap-growing-percent=0");
  writeFileSync(cacheFile, script.createCachedData());
  rmSync(home, { recursive: true, force: true });
  // an engine that was started has done its part
  process.exit(0);
}

const [textFile = "", cacheFile = "", kind] = process.argv.slice(2);
await warm(textFile, cacheFile, kind === "short" ? shortRuns : longRuns);
