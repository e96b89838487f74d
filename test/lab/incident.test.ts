/** One incident from end to end: Redis dies, the alert fires, stands in the console, reaches Telegram, and resolves. */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { delivered, labInfo, type LabInfo, runLab, textOf } from "../support/lab.ts";
import { type Engine, eventually, opsmon, startEngine, type TempDir, tempDir } from "../support/process.ts";

const CHAT = -1001;

interface AlertLine {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
}

describe("Redis goes down", () => {
  let lab: LabInfo;
  let home: TempDir;
  let engine: Engine;
  const firing = async (): Promise<boolean> => {
    const { stdout } = await opsmon(["alerts", "query", "-o", "json", "--socket", engine.socket], { home: home.path });
    const alerts = JSON.parse(stdout) as readonly AlertLine[];
    return alerts.some(({ labels, state }) => labels["alertname"] === "RedisDown" && state === "firing");
  };

  beforeAll(async () => {
    lab = labInfo();
    home = tempDir();
    engine = await startEngine({ home: home.path, config: path.join(lab.dir, "opsmon.yml") });
  });
  afterAll(async () => {
    await runLab("fix", "redis-down");
    await engine[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  test("pending, firing, console, Telegram, killed and restarted, resolved", async () => {
    const since = Date.now();
    expect(await firing()).toBe(false);
    await runLab("break", "redis-down");
    await eventually("the alert", firing, 60_000);
    const told = await eventually(
      "the message",
      () => delivered(lab, CHAT, since).find((each) => textOf(each).includes("RedisDown")),
      30_000,
    );
    expect(textOf(told)).toContain("Redis is not available");
    const { stdout: frame } = await opsmon(["top", "--once", "--socket", engine.socket], { home: home.path });
    expect(frame).toContain("RedisDown");

    await engine.stop("SIGKILL");
    engine = await startEngine({ home: home.path, config: path.join(lab.dir, "opsmon.yml") });
    await eventually("the alert after the restart", firing, 5_000);
    const before = delivered(lab, CHAT, since).filter(
      (each) => each.path === "sendMessage" && textOf(each).includes("RedisDown"),
    );

    await runLab("fix", "redis-down");
    await eventually("the end of the alert", async () => !(await firing()), 60_000);
    await eventually(
      "the word of it",
      () =>
        delivered(lab, CHAT, since).some(
          (each) => /resolved/i.test(textOf(each)) && textOf(each).includes("RedisDown"),
        ),
      30_000,
    );
    const { stdout } = await opsmon(["notify", "log", "--socket", engine.socket, "-o", "tsv"], { home: home.path });
    expect(stdout).toMatch(/sent/);
    expect(before.length).toBeLessThanOrEqual(2);
  });
});
