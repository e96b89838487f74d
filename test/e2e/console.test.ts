/** The console as a person meets it: a real terminal, no configuration, four sizes, and what it leaves behind. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { eventually, opsmon, pause, program, startEngine, startPage, tempDir } from "../support/process.ts";
import { KEY, openTerminal, type TestTerminal } from "../support/pty.ts";

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function enginePid(home: string): Promise<number> {
  const { stdout } = await opsmon(["status", "-o", "json"], { home });
  return (JSON.parse(stdout) as { pid: number }).pid;
}

/** The host panels have numbers: CPU and memory stand there with a percent sign. */
async function firstScreen(terminal: TestTerminal): Promise<void> {
  await terminal.until(/cpu/i);
  await terminal.until(/mem/i);
  await terminal.until(/\d\s*%/);
}

const SIZES = [
  { cols: 46, rows: 19, why: "a phone held upright" },
  { cols: 80, rows: 24, why: "the classic terminal" },
  { cols: 120, rows: 40, why: "half a laptop" },
  { cols: 200, rows: 60, why: "a large screen" },
] as const;

describe("opsmon top without configuration", () => {
  test.each(SIZES)("fills $cols x $rows ($why)", async ({ cols, rows }) => {
    using home = tempDir();
    await using terminal = openTerminal(["top"], { cols, rows, home: home.path });
    await firstScreen(terminal);
    await terminal.settle();
    const text = terminal.text();
    expect(text).not.toMatch(/NaN|undefined|\[object/);
    expect(text).toMatch(/alert/i);
    // nothing scrolled: the frame has exactly the terminal's rows, and most of them say something
    const filled = terminal.lines().filter((line) => line.trim() !== "");
    expect(filled.length).toBeGreaterThan(rows * 0.6);
    terminal.press("q");
    expect((await terminal.exit).code).toBe(0);
  });

  test("follows the terminal's size", async () => {
    using home = tempDir();
    await using terminal = openTerminal(["top"], { cols: 120, rows: 40, home: home.path });
    await firstScreen(terminal);
    for (const { cols, rows } of SIZES) {
      terminal.resize(cols, rows);
      await terminal.settle();
      await firstScreen(terminal);
      const widest = Math.max(...terminal.lines().map((line) => line.length));
      expect(widest).toBeLessThanOrEqual(cols);
      expect(widest).toBeGreaterThan(cols * 0.7);
    }
  });

  const ENDINGS: readonly { readonly how: string; readonly end: (terminal: TestTerminal) => void }[] = [
    { how: "q", end: (terminal) => terminal.press("q") },
    { how: "Ctrl-C", end: (terminal) => terminal.press(KEY.ctrlC) },
    { how: "SIGTERM", end: (terminal) => terminal.kill("SIGTERM") },
    { how: "SIGQUIT", end: (terminal) => terminal.kill("SIGQUIT") },
    { how: "SIGHUP", end: (terminal) => terminal.kill("SIGHUP") },
  ];
  test.each(ENDINGS)("leaves the terminal clean after $how", async ({ end }) => {
    using home = tempDir();
    await using terminal = openTerminal(["top"], { cols: 80, rows: 24, home: home.path });
    await firstScreen(terminal);
    expect(terminal.alternate()).toBe(true);
    end(terminal);
    await terminal.exit;
    expect(terminal.alternate()).toBe(false);
    expect(terminal.cursorHidden()).toBe(false);
    expect(terminal.mouse()).toBe("none");
    expect(terminal.bracketedPaste()).toBe(false);
  });

  test("gives the shell back its line editing", async () => {
    using home = tempDir();
    const script = `"$0" "$@"; stty -a`;
    const command = ["/bin/sh", "-c", script, ...program(), "top"] as const;
    await using terminal = openTerminal([], { cols: 80, rows: 24, home: home.path, command });
    await firstScreen(terminal);
    terminal.press("q");
    await terminal.exit;
    expect(terminal.text()).toMatch(/(^|\s)icanon/);
    expect(terminal.text()).toMatch(/(^|\s)echo(\s|$)/);
  });

  test("shares one engine between screens, which ends with the last of them", async () => {
    using home = tempDir();
    const size = { cols: 80, rows: 24, home: home.path };
    await using first = openTerminal(["top"], size);
    await firstScreen(first);
    const pid = await enginePid(home.path);
    await using second = openTerminal(["top"], size);
    await firstScreen(second);
    expect(await enginePid(home.path)).toBe(pid);
    first.press("q");
    await first.exit;
    await firstScreen(second);
    expect(alive(pid)).toBe(true);
    second.press("q");
    await second.exit;
    await eventually("the engine's end", () => !alive(pid));
  });

  test("its engine killed, starts another that every screen holds", async () => {
    using home = tempDir();
    const size = { cols: 120, rows: 40, home: home.path };
    await using first = openTerminal(["top"], size);
    await firstScreen(first);
    await using second = openTerminal(["top"], size);
    await firstScreen(second);
    const old = await enginePid(home.path);
    process.kill(old, "SIGKILL");
    // whichever screen notices first starts it: the other may never have missed an answer
    let fresh = old;
    await eventually("another engine", async () => {
      // without an engine the directory answers, whose process has no number
      fresh = await enginePid(home.path);
      return fresh > 0 && fresh !== old;
    });
    await first.until(/[^T] LIVE \d/);
    await second.until(/[^T] LIVE \d/);
    // both may have started one: what counts is the engine they hold now
    fresh = await enginePid(home.path);
    expect(fresh).not.toBe(old);
    first.press("q");
    await first.exit;
    // longer than the engine waits for a screen: the second one, which did not start it, holds it too
    await pause(2_500);
    expect(alive(fresh)).toBe(true);
    second.press("q");
    await second.exit;
    await eventually("the engine's end", () => !alive(fresh));
  });

  test("never stops an engine that serves", async () => {
    using home = tempDir();
    await using engine = await startEngine({ home: home.path });
    await using terminal = openTerminal(["top", "--socket", engine.socket], { cols: 80, rows: 24, home: home.path });
    await firstScreen(terminal);
    terminal.press("q");
    await terminal.exit;
    const status = (await engine.get("/api/v1/status/runtimeinfo")) as { status: string };
    expect(status.status).toBe("success");
    expect((await engine.stop()).code).toBe(0);
  });

  test("is never driven by an exporter's text", async () => {
    using home = tempDir();
    const evil = "\u001b[2J\u001b]0;owned\u0007\u001b[31m\u009b1m";
    await using page = await startPage(`# TYPE evil gauge\nevil{text="${evil}"} 1\n`);
    const config = path.join(home.path, "prometheus.yml");
    const job = `{job_name: "evil", static_configs: [{targets: ["127.0.0.1:${page.port}"], labels: {note: "x\\e]0;owned\\a"}}]}`;
    writeFileSync(config, `global: {scrape_interval: 1s}\nscrape_configs: [${job}]\n`);
    await using engine = await startEngine({ home: home.path, config });
    await eventually("a scrape", () => page.hits() > 1);
    await using terminal = openTerminal(["top", "--socket", engine.socket, "--view", "targets"], {
      cols: 120,
      rows: 40,
      home: home.path,
    });
    await terminal.until("evil");
    await terminal.settle();
    expect(terminal.raw()).not.toContain("\u001b]0;owned");
    const asked = await opsmon(["query", "evil", "--socket", engine.socket, "-o", "table"], { home: home.path });
    expect(asked.stdout).not.toContain("\u001b");
  });
});

describe("opsmon top without a terminal", () => {
  test("prints one plain frame and says so", async () => {
    using home = tempDir();
    const { code, stdout, stderr } = await opsmon(["top"], { home: home.path });
    expect(code).toBe(0);
    expect(stderr).toContain("not a terminal");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toMatch(/cpu/i);
    expect(stdout).toMatch(/\d\s*%/);
  });

  test("gives programs one JSON object with a number for every host panel", async () => {
    using home = tempDir();
    const { code, stdout } = await opsmon(["top", "--once", "-o", "json", "--view", "hosts"], { home: home.path });
    expect(code).toBe(0);
    const frame = JSON.parse(stdout) as {
      at: unknown;
      mode: string;
      health: readonly { resource: string; state: string }[];
      panels: readonly { id: string; view: string; series: readonly { last?: number | null }[]; reason?: string }[];
      alerts: readonly unknown[];
      targets: readonly unknown[];
    };
    const hosts = frame.panels.filter(({ view }) => view === "hosts");
    expect(hosts.length).toBeGreaterThan(5);
    const blank = hosts.filter(({ series }) => !series.some(({ last }) => typeof last === "number"));
    // a machine without swap or pressure files has panels that cannot have a number: they say why
    expect(blank.filter(({ reason }) => reason === undefined || reason === "").map(({ id }) => id)).toEqual([]);
    expect(blank.length).toBeLessThan(hosts.length / 2);
    expect(frame.health.length).toBeGreaterThan(0);
  });
});
