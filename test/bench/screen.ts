/** What an open screen costs: bytes to the terminal and CPU of the screen's process, at 120x40, once a second, 15 minutes wide. */
import { type Bench } from "../support/bench.ts";
import { pause, startEngine, tempDir } from "../support/process.ts";
import { openTerminal } from "../support/pty.ts";
import { cpuSeconds, residentMb } from "../support/usage.ts";

const SETTLE_MS = 6_000;
const WATCH_MS = 20_000;

export const bench: Bench = {
  name: "screen",
  async run() {
    using home = tempDir();
    await using engine = await startEngine({ home: home.path });
    const argv = ["top", "--socket", engine.socket, "--span", "15m"];
    await using terminal = openTerminal(argv, { cols: 120, rows: 40, home: home.path });
    await terminal.until(/cpu/i);
    await pause(SETTLE_MS);
    const [bytesBefore, cpuBefore, engineBefore] = [terminal.bytes(), cpuSeconds(terminal.pid), cpuSeconds(engine.pid)];
    await pause(WATCH_MS);
    const seconds = WATCH_MS / 1000;
    return [
      { what: "to the terminal", value: (terminal.bytes() - bytesBefore) / seconds / 1000, unit: "kB/s", atMost: 3 },
      {
        what: "CPU of the screen",
        value: (100 * (cpuSeconds(terminal.pid) - cpuBefore)) / seconds,
        unit: "% of a core",
        atMost: 2,
      },
      { what: "memory of the screen", value: residentMb(terminal.pid), unit: "MB" },
      {
        what: "CPU of its engine",
        value: (100 * (cpuSeconds(engine.pid) - engineBefore)) / seconds,
        unit: "% of a core",
      },
      { what: "memory of its engine", value: residentMb(engine.pid), unit: "MB" },
    ];
  },
};
