/** opsmon, all in one, beside Prometheus and Alertmanager on the lab: the same targets and rules in the same minute. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Bench } from "../support/bench.ts";
import { labInfo } from "../support/lab.ts";
import { pause, startEngine, tempDir } from "../support/process.ts";
import { cpuSeconds, residentMb } from "../support/usage.ts";

const WARM_MS = 20_000;
const WATCH_MS = 60_000;

export const bench: Bench = {
  name: "peers",
  needs: ["lab"],
  async run() {
    const lab = labInfo();
    using home = tempDir();
    await using engine = await startEngine({ home: home.path, config: path.join(lab.dir, "opsmon.yml") });
    const peers = ["prometheus", "alertmanager"].map((name) =>
      Number(readFileSync(path.join(lab.dir, "pid", name), "utf8").split(" ")[0]),
    );
    const theirCpu = (): number => peers.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
    await pause(WARM_MS);
    const [own, theirs] = [cpuSeconds(engine.pid), theirCpu()];
    await pause(WATCH_MS);
    const percent = (seconds: number): number => (100_000 * seconds) / WATCH_MS;
    const what = "Prometheus + Alertmanager";
    return [
      {
        what: "CPU",
        value: percent(cpuSeconds(engine.pid) - own),
        unit: "% of a core",
        reference: { what, value: percent(theirCpu() - theirs) },
      },
      {
        what: "memory",
        value: residentMb(engine.pid),
        unit: "MB",
        reference: { what, value: peers.reduce((sum, pid) => sum + residentMb(pid), 0) },
      },
    ];
  },
};
