/**
 * The engine is killed at random moments on the way of an alert from pending to told to resolved. After each restart
 * the alert must still have the moment at which it began, and both its firing and its end must reach the chat.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { delivered, textOf } from "../support/lab.ts";
import { type Engine, eventually, freePort, pause, root, startEngine, startPage, tempDir } from "../support/process.ts";
import type { Torture } from "./scenario.ts";

const CHAT = -1001;
/** A chat hears 20 messages a minute at most: after some ten rounds the next one may have to wait for its minute. */
const TOLD_MS_MAX = 80_000;
const RULES = {
  groups: [
    {
      name: "torture",
      interval: "200ms",
      rules: [
        {
          alert: "Broken",
          expr: "broken > 0",
          for: "1s",
          labels: { severity: "critical" },
          annotations: { summary: "round {{ $value }}" },
        },
      ],
    },
  ],
};

function writeConfig(home: string, pagePort: number, sinkPort: number): string {
  const put = (name: string, content: object): string => {
    const file = path.join(home, name);
    // JSON is YAML
    writeFileSync(file, JSON.stringify(content));
    return file;
  };
  const telegram = {
    api_url: `http://127.0.0.1:${sinkPort}`,
    bot_token: "123456:LABTOKEN",
    chat_id: CHAT,
    send_resolved: true,
  };
  const route = {
    receiver: "telegram",
    group_by: ["alertname"],
    group_wait: "100ms",
    group_interval: "300ms",
    repeat_interval: "1h",
  };
  const alertmanager = put("alertmanager.yml", {
    route,
    receivers: [{ name: "telegram", telegram_configs: [telegram] }],
  });
  return put("opsmon.yml", {
    global: { scrape_interval: "200ms", scrape_timeout: "200ms", evaluation_interval: "200ms" },
    rule_files: [put("rules.yml", RULES)],
    scrape_configs: [{ job_name: "page", static_configs: [{ targets: [`127.0.0.1:${pagePort}`] }] }],
    opsmon: { alertmanager_config_file: alertmanager },
  });
}

interface ActiveAlert {
  readonly state: string;
  readonly activeAt: string;
}

async function active(engine: Engine): Promise<ActiveAlert | undefined> {
  const answer = (await engine.get("/api/v1/alerts")) as { data: { alerts: readonly ActiveAlert[] } };
  return answer.data.alerts.find(({ state }) => state === "pending" || state === "firing");
}

export async function killedAlerts({ rounds, random, report }: Torture): Promise<void> {
  using home = tempDir();
  mkdirSync(path.join(home.path, "log"));
  await using page = await startPage("broken 0\n");
  const sinkPort = await freePort();
  const sink = spawn(process.execPath, ["--no-warnings", path.join(root, "bin/lab/sink.ts")], {
    env: { ...process.env, SINK_PORT: String(sinkPort), SINK_LOG: path.join(home.path, "log/sink.jsonl") },
    stdio: "ignore",
  });
  const config = writeConfig(home.path, page.port, sinkPort);
  const chat = () => delivered({ dir: home.path, port: {} }, CHAT, 0);
  const start = (): Promise<Engine> => startEngine({ home: home.path, config });
  let engine = await start();
  /** Kills at a random moment of the next `withinMs` and starts again. @returns what is wrong with the alert then. */
  const killed = async (withinMs: number): Promise<string | undefined> => {
    await pause(random() * withinMs);
    const before = await active(engine);
    await engine.stop("SIGKILL");
    engine = await start();
    const after = await active(engine);
    if (before === undefined || after === undefined || before.activeAt === after.activeAt) return undefined;
    return `began at ${before.activeAt}, and after the restart at ${after.activeAt}`;
  };
  /** What the engine itself says, for whoever reads a failure. */
  const testimony = async (): Promise<string> => {
    const target = `/api/opsmon/v1/journal?kind=transition&kind=delivery&start=${Date.now() / 1000 - 40}`;
    const { data } = (await engine.get(target)) as { data: readonly Readonly<Record<string, unknown>>[] };
    const words = ["at", "from", "to", "outcome", "status", "reason", "intent"];
    const lines = data
      .slice(-12)
      .map((each) => words.flatMap((word) => (word in each ? [String(each[word])] : [])).join(" "));
    return `\n  alert: ${JSON.stringify(await active(engine))}\n  journal:\n    ${lines.join("\n    ")}\n  log:\n${engine.stderr()}`;
  };
  const expected = async (what: string, holds: () => boolean): Promise<void> => {
    try {
      await eventually(what, holds, TOLD_MS_MAX);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}${await testimony()}`, {
        cause: error,
      });
    }
  };
  try {
    for (let round = 1; round <= rounds; round++) {
      const text = `round ${round}`;
      page.set(`broken ${round}\n`);
      const problems = [await killed(2_500)];
      await expected(`${text} to be told`, () => chat().some((each) => textOf(each).includes(text)));
      page.set("broken 0\n");
      problems.push(await killed(1_500));
      const ends = () => chat().filter((each) => /resolved/i.test(textOf(each)));
      await expected(`the end of ${text}`, () =>
        /resolved/i.test(textOf(chat().at(-1) ?? { at: "", path: "", body: {} })),
      );
      const repeats = chat().filter((each) => each.path === "sendMessage" && textOf(each).includes(text)).length;
      if (repeats > 3) problems.push(`told ${repeats} times`);
      const problem = problems.find((each) => each !== undefined);
      report(`alerts, ${text}: told ${repeats} times, ${ends().length} ends so far`, problem);
    }
  } finally {
    await engine.stop("SIGKILL");
    sink.kill();
  }
}
