/**
 * A real Prometheus 3.5 of one's own, as `npm run lab -- install` unpacks it: what opsmon's answers are compared with.
 * It ends with the scope.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { eventually, freePort, root } from "./process.ts";

export interface Prometheus extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** @returns the path of `prometheus` or `promtool`. @throws Error that says how to get it. */
export function oracle(program: "prometheus" | "promtool"): string {
  const dir = path.resolve(process.env["OPSMON_LAB_DIR"] ?? path.join(root, ".lab"));
  const file = path.join(dir, "oracle/tree/usr/bin", program);
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run lab -- install`);
  return file;
}

/** Starts Prometheus with `config` in `dir`, remote write and admin endpoints as opsmon has them. */
export async function startPrometheus(dir: string, config: string, flags: readonly string[] = []): Promise<Prometheus> {
  mkdirSync(dir, { recursive: true });
  const file = path.join(dir, "prometheus.yml");
  writeFileSync(file, config);
  const port = await freePort();
  const child = spawn(
    oracle("prometheus"),
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${path.join(dir, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-remote-write-receiver",
      "--web.enable-lifecycle",
      "--log.level=error",
      ...flags,
    ],
    { cwd: dir, stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  try {
    await eventually(`Prometheus on ${url}`, async () => {
      if (child.exitCode !== null) throw new Error(said);
      const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
}
