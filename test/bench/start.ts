/** How long a person or a script waits: the binary's first full screen, attaching to an engine, one query. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { type Bench, median } from "../support/bench.ts";
import { pause, root, startEngine, isolated, tempDir } from "../support/process.ts";
import { openTerminal } from "../support/pty.ts";

const RUNS = 10;
const BINARY = path.join(root, "dist/opsmon");
const run = promisify(execFile);

/** From the start of the process to a screen on which CPU and memory have numbers, ms. */
async function firstScreen(home: string, argv: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  await using terminal = openTerminal([], { cols: 120, rows: 40, home, command: [BINARY, "top", ...argv] });
  const full = (): boolean =>
    /cpu/i.test(terminal.text()) && /mem/i.test(terminal.text()) && /\d\s*%/.test(terminal.text());
  while (!full()) {
    if (performance.now() - startedAt > 20_000) throw new Error(`no full screen:\n${terminal.text()}`);
    // reading a screen costs a millisecond: a busier eye would take the processor from what it watches
    await pause(10);
  }
  const took = performance.now() - startedAt;
  terminal.press("q");
  await terminal.exit;
  return took;
}

async function repeated(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) times.push(await measure());
  return median(times);
}

async function timed(command: string, argv: readonly string[], env: Record<string, string>): Promise<number> {
  const startedAt = performance.now();
  await run(command, [...argv], { env });
  return performance.now() - startedAt;
}

export const bench: Bench = {
  name: "start",
  needs: ["binary"],
  async run() {
    const cold = await repeated(async () => {
      using home = tempDir();
      return await firstScreen(home.path, []);
    });
    using home = tempDir();
    process.env["OPSMON_TEST_BINARY"] = BINARY;
    await using engine = await startEngine({ home: home.path });
    const attach = await repeated(() => firstScreen(home.path, ["--socket", engine.socket]));
    const env = isolated(home.path);
    const query = await repeated(() => timed(BINARY, ["query", "up", "--socket", engine.socket], env));
    const version = await repeated(() => timed(BINARY, ["--version"], env));
    const floor = await repeated(() => timed(process.execPath, ["-e", "0"], env));
    const reference = { what: "node -e 0", value: floor };
    return [
      { what: "first full screen, cold start", value: cold, unit: "ms", atMost: 1_000, reference },
      { what: "first full screen, engine running", value: attach, unit: "ms", atMost: 300, reference },
      { what: "opsmon query up", value: query, unit: "ms", atMost: 100, reference },
      { what: "opsmon --version", value: version, unit: "ms", reference },
    ];
  },
};
