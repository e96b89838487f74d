/** The lab as tests use it: where it is, breaking and mending it, asking its Prometheus, and what its sink received. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "./process.ts";

export interface LabInfo {
  readonly dir: string;
  readonly port: Readonly<Record<string, number>>;
}

/** @throws Error that says how to bring it up, when it is down. */
export function labInfo(): LabInfo {
  const dir = path.resolve(process.env["OPSMON_LAB_DIR"] ?? path.join(root, ".lab"));
  if (!existsSync(path.join(dir, "pid/prometheus"))) {
    throw new Error(`the lab at ${dir} is down: npm run lab -- up && npm run lab -- load start`);
  }
  const { port } = JSON.parse(readFileSync(path.join(dir, "lab.json"), "utf8")) as { port: Record<string, number> };
  return { dir, port };
}

export function portOf(lab: LabInfo, name: string): number {
  const port = lab.port[name];
  if (port === undefined) throw new Error(`the lab has no port "${name}"`);
  return port;
}

/** `npm run lab -- …`; @throws with its output when it fails. */
export async function runLab(...argv: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, ["--no-warnings", path.join(root, "bin/lab.ts"), ...argv], {
    cwd: root,
    timeout: 120_000,
  });
}

export interface Delivered {
  readonly at: string;
  /** Bot API method, e.g. `sendMessage`. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Calls the sink received for a chat since `sinceMs` (Unix time). */
export function delivered(lab: LabInfo, chatId: number, sinceMs: number): readonly Delivered[] {
  const file = path.join(lab.dir, "log/sink.jsonl");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Delivered)
    .filter((each) => Number(each.body["chat_id"]) === chatId && Date.parse(each.at) >= sinceMs);
}

export function textOf({ body }: Delivered): string {
  const text = body["text"] ?? body["caption"];
  return typeof text === "string" ? text : "";
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An instant vector from anything that speaks Prometheus' HTTP API. */
export function samplesOf(body: unknown): readonly Sample[] {
  const { data } = body as {
    data: {
      resultType: string;
      result: readonly { metric: Record<string, string>; value: readonly [number, string] }[];
    };
  };
  if (data.resultType !== "vector") throw new Error(`expected a vector, got ${data.resultType}`);
  return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1].replace("Inf", "Infinity")) }));
}

export async function askPrometheus(lab: LabInfo, expr: string): Promise<readonly Sample[]> {
  const target = `http://127.0.0.1:${portOf(lab, "prometheus")}/api/v1/query?query=${encodeURIComponent(expr)}`;
  return samplesOf(await (await fetch(target)).json());
}
