/**
 * Bounded traffic: HTTP through nginx at a fixed rate, orders that become calculations, pgbench and redis-benchmark
 * in small doses, and cache misses. Ends by itself. Everything comes from the environment (LOAD_*).
 */
import { type ChildProcess, spawn } from "node:child_process";
import http from "node:http";
import net from "node:net";

const env: NodeJS.ProcessEnv = process.env;
const number = (name: string, fallback: number): number => Number(env[name] ?? fallback);
const nginx = number("LOAD_NGINX", 0);
const redis = number("LOAD_REDIS", 0);
const postgres = number("LOAD_POSTGRES", 0);
/** Enough for every panel, little enough for a laptop. */
const rps = Math.min(60, number("LOAD_RPS", 15));
const endsAt = Date.now() + Math.min(7_200, number("LOAD_SECONDS", 1_800)) * 1000;
const OPEN_MAX = 40;

const PLAN: readonly (readonly [method: string, path: string, bodyBytes: number])[] = [
  ["GET", "/mes/orders", 0],
  ["GET", "/mes/orders/1", 0],
  ["POST", "/mes/orders/take", 0],
  ["GET", "/mes/orders/2", 0],
  ["POST", "/shop/orders", 500],
  ["GET", "/shop/orders", 0],
  ["POST", "/shop/files", 4_000],
  ["GET", "/crm/orders", 0],
  ["GET", "/crm/orders/5", 0],
  ["POST", "/emr/emr/sync", 2],
  ["GET", "/mes/orders/7", 0],
  ["GET", "/shop/nope", 0],
  ["POST", "/mes/orders", 300],
  ["GET", "/crm/health", 0],
  ["GET", "/emr/health", 0],
  ["GET", "/calc/health", 0],
];
const CLIENTS = ["web", "mobile", "partner-api"];

const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
const children = new Set<ChildProcess>();
let open = 0;
let sent = 0;

function hit(): void {
  const [method, path, bodyBytes] = PLAN[sent++ % PLAN.length] ?? ["GET", "/", 0];
  if (open >= OPEN_MAX) return;
  open++;
  const headers = {
    "x-client": CLIENTS[sent % CLIENTS.length] ?? "",
    "x-session": `s${(sent * 7919) % 37}`,
    "content-length": bodyBytes,
  };
  const request = http.request(
    { host: "127.0.0.1", port: nginx, method, path, agent, timeout: 10_000, headers },
    (answer) => {
      answer.resume();
    },
  );
  request.on("timeout", () => request.destroy());
  request.on("error", () => undefined);
  request.on("close", () => open--);
  request.end("x".repeat(bodyBytes));
}

function run(argv: readonly string[], then: () => void): void {
  const [command, ...rest] = argv;
  const child = spawn(command ?? "", rest, { stdio: "ignore" });
  children.add(child);
  child.on("error", () => undefined);
  child.on("close", () => {
    children.delete(child);
    if (Date.now() < endsAt) then();
  });
}

function pgbench(): void {
  const options = [
    "-h",
    "127.0.0.1",
    "-p",
    String(postgres),
    "-U",
    "postgres",
    "-n",
    "-c",
    "2",
    "-j",
    "1",
    "-R",
    "15",
    "-T",
    "60",
  ];
  run([`${env["LOAD_PGBIN"] ?? ""}/pgbench`, ...options, "lab"], () => setTimeout(pgbench, 1_000));
}

/** redis-benchmark 7.0 spins on one core for ever when Redis goes away: only while it is there, and with a limit. */
function redisBenchmark(): void {
  const again = (): void => void setTimeout(redisBenchmark, 4_000);
  const probe = net.connect(redis, "127.0.0.1");
  probe.on("error", again);
  probe.on("connect", () => {
    probe.destroy();
    const tests = ["-q", "-n", "300", "-c", "4", "-r", "2000", "-d", "64", "-t", "set,get,incr,lpush,hset"];
    run(["timeout", "-k", "1", "4", "redis-benchmark", "-h", "127.0.0.1", "-p", String(redis), ...tests], again);
  });
}

function cacheMisses(): void {
  const socket = net.connect(redis, "127.0.0.1", () => {
    for (let i = 0; i < 10; i++) socket.write(`GET absent:${i}\r\n`);
    socket.end("QUIT\r\n");
  });
  socket.on("error", () => undefined);
  socket.resume();
}

function stop(): void {
  for (const child of children) child.kill("SIGTERM");
  setTimeout(() => process.exit(0), 300);
}

setInterval(() => (Date.now() > endsAt ? stop() : hit()), 1000 / rps);
setInterval(cacheMisses, 3_000);
pgbench();
redisBenchmark();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, stop);
