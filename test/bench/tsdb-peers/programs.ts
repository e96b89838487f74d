/** opsmon, Prometheus and VictoriaMetrics as processes: started on a directory, asked, measured, ended. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { RULE_PACKS } from "../../../rules/index.ts";
import { pause, root } from "../../support/process.ts";

export type Kind = "opsmon" | "Prometheus" | "VictoriaMetrics";
export const KINDS: readonly Kind[] = ["opsmon", "Prometheus", "VictoriaMetrics"];

const START_MS_MAX = 60_000;

/** Where a program is looked for: the lab's own Prometheus is newer than the machine's. */
const PLACES: Readonly<Record<Kind, readonly (string | undefined)[]>> = {
  opsmon: [path.join(root, "bin/opsmon")],
  Prometheus: [
    process.env["OPSMON_BENCH_PROMETHEUS"],
    path.join(root, ".lab/oracle/tree/usr/bin/prometheus"),
    "/usr/bin/prometheus",
  ],
  VictoriaMetrics: [process.env["OPSMON_BENCH_VICTORIA"], "/usr/bin/victoria-metrics"],
};

function executable(kind: Kind): string | undefined {
  return PLACES[kind].find((name) => name !== undefined && existsSync(name));
}

/** Debian's VictoriaMetrics says nothing of its version: there the package does. */
function version(kind: Kind, file: string): string {
  const argv = kind === "VictoriaMetrics" ? ["dpkg-query", "-W", "victoria-metrics"] : [file, "--version"];
  const said = spawnSync(argv[0] as string, argv.slice(1), { encoding: "utf8" });
  return /\d+\.\d+\.\d+/.exec(`${said.stdout}${said.stderr}`)?.[0] ?? "of unknown version";
}

/** What is measured, with version and place; a peer that is not there, with the command that installs it. */
export function described(): readonly string[] {
  return KINDS.map((kind) => {
    const file = executable(kind);
    if (file === undefined)
      return `${kind}: not on this machine, its columns are left out; npm run lab -- install brings it`;
    const place = path.relative(root, file);
    return `${kind} ${version(kind, file)} (${place.startsWith(".lab") ? "of the lab" : place.startsWith("..") ? file : place})`;
  });
}

/** The peers evaluate no rules here, so neither do we. */
const OWN: string = [
  "opsmon:",
  "  host_collector: {enabled: false}",
  "  discover: {enabled: false}",
  `  rule_packs: [${RULE_PACKS.map(({ name }) => `{name: ${name}, enabled: false}`).join(", ")}]`,
  "",
].join("\n");

export function present(): readonly Kind[] {
  return KINDS.filter((kind) => executable(kind) !== undefined);
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function argv(kind: Kind, dir: string, config: string, port: number): readonly string[] {
  const listen = `127.0.0.1:${port}`;
  if (kind === "opsmon") {
    return ["serve", "--config", config, "--data", dir, "--listen", listen, "--log-level", "error"];
  }
  if (kind === "Prometheus") {
    return [
      `--config.file=${config}`,
      `--storage.tsdb.path=${dir}`,
      `--web.listen-address=${listen}`,
      "--web.enable-remote-write-receiver",
      "--web.enable-admin-api",
      "--log.level=error",
    ];
  }
  return [
    `-storageDataPath=${dir}`,
    `-httpListenAddr=${listen}`,
    `-promscrape.config=${config}`,
    "-loggerLevel=ERROR",
    "-retentionPeriod=100y",
  ];
}

export interface Program extends AsyncDisposable {
  readonly kind: Kind;
  readonly pid: number;
  readonly url: string;
  readonly dir: string;
  end(signal: NodeJS.Signals): Promise<void>;
}

interface ProgramWishes {
  /** More YAML for the configuration. */
  readonly config?: string;
  /** The only CPU it may run on. */
  readonly core?: number;
}

/** @param scrape YAML of `scrape_configs`; nothing is scraped without. */
export async function startProgram(
  kind: Kind,
  home: string,
  scrape = "",
  { config: more = "", core }: ProgramWishes = {},
): Promise<Program> {
  const dir = path.join(home, kind);
  mkdirSync(dir, { recursive: true });
  const config = path.join(home, `${kind}.yml`);
  const own = kind === "opsmon" ? OWN : "";
  writeFileSync(config, `${own}${more}scrape_configs: ${scrape === "" ? "[]" : scrape}\n`);
  const port = await freePort();
  const pinned = core === undefined ? [] : ["taskset", "-c", String(core)];
  const [command, ...rest] = [...pinned, executable(kind) as string, ...argv(kind, dir, config, port)];
  const child = spawn(command as string, rest, {
    stdio: ["ignore", "ignore", "inherit"],
    cwd: home,
  });
  const orphan = (): void => void child.kill("SIGKILL");
  process.once("exit", orphan);
  child.once("exit", () => process.off("exit", orphan));
  const url = `http://127.0.0.1:${port}`;
  await answers(`${url}/${kind === "VictoriaMetrics" ? "health" : "-/ready"}`, child);
  const end = (signal: NodeJS.Signals): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once("exit", () => resolve());
      child.kill(signal);
    });
  return { kind, pid: child.pid as number, url, dir, end, [Symbol.asyncDispose]: () => end("SIGKILL") };
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  const began = performance.now();
  for (;;) {
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return;
    if (child.exitCode !== null || performance.now() - began > START_MS_MAX)
      throw new Error(`${url} does not answer; exit code ${child.exitCode}`);
    await pause(2);
  }
}

/** Bytes handed to the kernel for files and sockets so far. */
export function writtenBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/io`, "utf8");
  return Number(/^write_bytes: (\d+)/m.exec(text)?.[1]) - Number(/^cancelled_write_bytes: (\d+)/m.exec(text)?.[1]);
}

export function directoryBytes(dir: string): number {
  let sum = 0;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += statSync(path.join(entry.parentPath, entry.name)).size;
  }
  return sum;
}
