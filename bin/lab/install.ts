/**
 * `lab install`: the Debian packages, without letting any of their daemons start, and Prometheus 3 with its promtool
 * from Debian sid, unpacked into the lab's folder: Debian 12 has 2.42, whose windows differ from what opsmon does.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { $, chalk } from "zx";
import { type Lab, LabError } from "./settings.ts";

const PACKAGES = [
  "postgresql",
  "redis-server",
  "rabbitmq-server",
  "nginx-light",
  "prometheus",
  "prometheus-alertmanager",
  "prometheus-node-exporter",
  "prometheus-postgres-exporter",
  "prometheus-redis-exporter",
  "prometheus-nginx-exporter",
  "prometheus-blackbox-exporter",
  "prometheus-pushgateway",
  "victoria-metrics",
  "curl",
  "procps",
];

const POLICY = "/usr/sbin/policy-rc.d";
const APT = [
  "-q",
  "-o=DPkg::Lock::Timeout=300",
  "-o=Dpkg::Options::=--force-confold",
  "-o=Dpkg::Options::=--force-confdef",
  "-o=Acquire::Retries=3",
];

async function missing(): Promise<readonly string[]> {
  const found = await $({
    nothrow: true,
    quiet: true,
  })`dpkg-query -W -f=${"${db:Status-Abbrev}${Package}\n"} ${PACKAGES}`;
  const installed = new Set(
    found.stdout.split("\n").flatMap((line) => (line.startsWith("ii ") ? [line.slice(3)] : [])),
  );
  return PACKAGES.filter((name) => !installed.has(name) && !(name === "nginx-light" && existsSync("/usr/sbin/nginx")));
}

async function installPackages(names: readonly string[]): Promise<void> {
  // 101 forbids invoke-rc.d to start a daemon; a policy of the administrator's own is left as it is
  const mine = !existsSync(POLICY);
  if (mine) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  // postgresql makes and starts a cluster on the default port unless told otherwise before it is installed
  mkdirSync("/etc/postgresql-common", { recursive: true });
  const cluster = "/etc/postgresql-common/createcluster.conf";
  if (!existsSync(cluster)) writeFileSync(cluster, "create_main_cluster = false\n");
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
    const run = $({ env, stdio: ["ignore", "pipe", "pipe"], quiet: true });
    await run`apt-get ${APT} update`;
    await run`apt-get ${APT} install -y --no-install-recommends ${names}`;
  } finally {
    if (mine) rmSync(POLICY, { force: true });
  }
}

/** The mirror this machine takes its own packages from: what reaches bookworm there reaches sid as well. */
async function ownMirror(): Promise<string> {
  const { stdout } = await $({ quiet: true })`apt-get indextargets --format ${"$(REPO_URI)"}`;
  const mirrors = stdout.split("\n").map((line) => line.trim().replace(/\/$/, ""));
  const found = mirrors.find((line) => line.endsWith("/debian"));
  if (found === undefined) throw new Error("apt names no Debian mirror; set OPSMON_LAB_SID_MIRROR");
  return found;
}

/** @returns the version unpacked, or why there is none. */
async function installOracle(lab: Lab): Promise<string> {
  const home = lab.at("oracle");
  const binary = `${home}/tree/usr/bin/prometheus`;
  const version = async (): Promise<string> =>
    (await $({ quiet: true })`${binary} --version`).stdout.split(" ")[2] ?? "?";
  if (existsSync(binary) && existsSync(`${home}/tree/usr/bin/promtool`)) return version();
  for (const folder of ["state/lists/partial", "cache/archives/partial", "tree"])
    mkdirSync(`${home}/${folder}`, { recursive: true });
  const mirror = process.env["OPSMON_LAB_SID_MIRROR"] ?? (await ownMirror());
  writeFileSync(
    `${home}/sources.list`,
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} sid main\n`,
  );
  const settings = {
    "Dir::State": `${home}/state`,
    "Dir::State::status": "/dev/null",
    "Dir::Cache": `${home}/cache`,
    "Dir::Etc::main": "/dev/null",
    "Dir::Etc::parts": "/dev/null",
    "Dir::Etc::sourcelist": `${home}/sources.list`,
    "Dir::Etc::sourceparts": "/dev/null",
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
  };
  const options = Object.entries(settings).map(([name, value]) => `-o=${name}=${value}`);
  const run = $({ cwd: home, quiet: true, stdio: ["ignore", "pipe", "pipe"] });
  await run`apt-get -q ${options} update`;
  await run`apt-get -q ${options} download prometheus promtool`;
  await run`sh -c ${"for deb in *.deb; do dpkg-deb -x $deb tree || exit 1; done; rm -rf state cache *.deb sources.list"}`;
  return version();
}

/** The Prometheus to run: 3.x when it was unpacked, else Debian's own. */
export function oracleBinary(lab: Lab, program: "prometheus" | "promtool"): string {
  const unpacked = lab.at("oracle/tree/usr/bin", program);
  return existsSync(unpacked) ? unpacked : `/usr/bin/${program}`;
}

export async function install(lab: Lab, report: (line: string) => void): Promise<void> {
  if (!existsSync("/etc/debian_version"))
    throw new LabError("the lab installs Debian packages, and this is not Debian");
  const absent = await missing();
  if (absent.length > 0) {
    report(`installing ${absent.join(" ")}`);
    await installPackages(absent);
  }
  report(`packages present (${absent.length} new)`);
  mkdirSync(lab.dir, { recursive: true, mode: 0o755 });
  try {
    report(`oracle: Prometheus ${await installOracle(lab)}`);
  } catch (error) {
    rmSync(lab.at("oracle"), { recursive: true, force: true });
    const reason = (error instanceof Error ? error.message : String(error))
      .split("\n")
      .find((line) => /E:|Err/.test(line));
    report(
      chalk.yellow(
        `no Prometheus 3 from sid (${reason ?? "unreachable"}); the lab runs Debian's own, whose range windows differ`,
      ),
    );
  }
}
