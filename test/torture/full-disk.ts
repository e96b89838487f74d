/**
 * The disk under a running engine fills up and is freed again, and the engine is killed in between or not. What was held
 * in memory must be on the disk when writing resumed by itself; what a kill took from memory must be on record. Needs a
 * small file system of its own, so a user who may mount one.
 */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { type Engine, eventually, pause, startEngine, tempDir } from "../support/process.ts";
import type { Torture } from "./scenario.ts";
import { startVisits, stored, visitsConfig, visitsStored } from "./scrapes.ts";

/** The store keeps 64 MiB in reserve. */
const SIZE = "200m";
const BLOCK = Buffer.alloc(1024 * 1024);
/** A tenth of a second is short on a loaded machine: so many scrapes of a round may run into their timeout. */
const LATE_SCRAPES_MAX = 10;

interface Item {
  readonly state: string;
  readonly text: string;
}

async function said(engine: Engine): Promise<readonly string[]> {
  const answer = (await engine.get("/api/opsmon/v1/status")) as {
    data?: { items: readonly Item[] };
    items?: readonly Item[];
  };
  return (answer.data?.items ?? answer.items ?? []).map(({ state, text }) => `${state} ${text}`);
}

/** Takes all the room there is. */
function fill(file: string): void {
  const fd = openSync(file, "w");
  try {
    for (;;) writeSync(fd, BLOCK);
  } catch {
    // full
  } finally {
    closeSync(fd);
  }
}

const telling = (engine: Engine, pattern: RegExp): Promise<string> =>
  eventually(String(pattern), async () => (await said(engine)).find((text) => pattern.test(text)));

/** One round. @returns what is wrong, if anything. */
async function round(home: string, config: string, killed: boolean, random: () => number): Promise<string | undefined> {
  const filler = path.join(home, "filler");
  let engine = await startEngine({ home, config });
  try {
    await eventually("a first sample", async () => (await visitsStored(engine)).length > 0);
    await pause(random() * 500);
    const from = Date.now();
    fill(filler);
    await telling(engine, /^crit read-only: /);
    await pause(random() * 2_000);
    const inMemory = await visitsStored(engine);
    if (killed) await engine.stop("SIGKILL");
    rmSync(filler);
    if (!killed) {
      await telling(engine, /^warn held in memory only from /);
      const after = new Set(await visitsStored(engine));
      if (inMemory.some((visit) => !after.has(visit))) return "samples were lost when writing resumed";
      await eventually(
        "writing to go on",
        async () => ((await visitsStored(engine)).at(-1) ?? 0) > (inMemory.at(-1) ?? 0),
      );
      await engine.stop("SIGKILL");
    }
    engine = await startEngine({ home, config });
    await telling(engine, killed ? /^warn samples were lost from / : /^warn held in memory only from /);
    const kept = new Set(await visitsStored(engine));
    const gone = inMemory.filter((visit) => !kept.has(visit));
    if (!killed && gone.length > 0) return `samples ${gone.slice(0, 5).join(" ")} are gone after a restart`;
    const failed = (await stored(engine, "up")).filter((up) => up === 0).length;
    const { warnings } = (await engine.get(
      `/api/v1/query_range?query=visits_total&start=${from / 1000}&end=${Date.now() / 1000}&step=0.01`,
    )) as { warnings?: readonly string[] };
    if (killed && warnings?.some((text) => text.includes("could not be stored")) !== true)
      return `an answer over the gap does not say so: ${JSON.stringify(warnings)}`;
    return failed > Math.max(kept.size, LATE_SCRAPES_MAX) ? `${failed} scrapes failed` : undefined;
  } finally {
    await engine.stop("SIGKILL");
    rmSync(filler, { force: true });
  }
}

/** A program of the system, not one of the packages. */
function asRoot(...argv: readonly [string, ...string[]]): SpawnSyncReturns<string> {
  return spawnSync(argv[0], argv.slice(1), { encoding: "utf8" });
}

export async function fullDisk({ rounds, random, report }: Torture): Promise<void> {
  using home = tempDir();
  const place = path.join(home.path, "disk");
  mkdirSync(place);
  const mounted = asRoot("mount", "-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", place);
  if (mounted.status !== 0) {
    console.log(`       not run: full disk: this user cannot mount a small file system (${mounted.stderr.trim()})`);
    return;
  }
  try {
    await using visits = await startVisits();
    for (let n = 1; n <= rounds; n++) {
      const killed = n % 2 === 0;
      const own = path.join(place, `round-${n}`);
      mkdirSync(own);
      const problem = await round(own, visitsConfig(own, visits.port), killed, random);
      rmSync(own, { recursive: true, force: true });
      report(`full disk, round ${n}: ${killed ? "killed while full" : "freed"}`, problem);
    }
  } finally {
    asRoot("umount", place);
  }
}
