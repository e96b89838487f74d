/**
 * Small bounded aggressors for `break`: `hold.ts KIND PORT N SECONDS [SQL]`. `redis`, `redis-blocked`, `pg` and
 * `pg-idle-tx` hold N connections, `pg-run` runs the statement; `burst` sends N requests a second; `cpu` keeps one
 * core busy at the lowest priority.
 */
import http from "node:http";
import net from "node:net";
import os from "node:os";
import { Client } from "pg";

const [kind = "", ...given] = process.argv.slice(2);
const [port = 0, count = 0, seconds = 0] = given.slice(0, 3).map(Number);
const CONNECTIONS_MAX = 500;
const SECONDS_MAX = 600;
const endsAt: number = Date.now() + Math.min(SECONDS_MAX, seconds) * 1000;
const amount: number = Math.min(CONNECTIONS_MAX, count);

function redis(line: (index: number) => string): void {
  for (let i = 0; i < amount; i++) {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(line(i)));
    socket.on("error", () => undefined);
    socket.resume();
  }
}

function postgres(statement: string | undefined): void {
  for (let i = 0; i < amount; i++) {
    const connection = new Client({
      host: "127.0.0.1",
      port,
      user: "app",
      database: "lab",
      application_name: "lab-hold",
    });
    connection.on("error", () => undefined);
    connection
      .connect()
      .then(() => (statement === undefined ? undefined : connection.query(statement)))
      .catch(() => undefined);
  }
}

function burst(): void {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 30 });
  let open = 0;
  setInterval(() => {
    for (let i = 0; i < amount / 20 && open < 200; i++) {
      open++;
      const request = http.get({ port, path: "/mes/health", agent, headers: { "x-client": "burst" } }, (answer) =>
        answer.resume(),
      );
      request.on("error", () => undefined);
      request.on("close", () => open--);
    }
  }, 50);
}

const KINDS: Readonly<Record<string, () => void>> = {
  redis: () => redis(() => "PING\r\n"),
  "redis-blocked": () => redis((index) => `BLPOP lab:never:${index} 0\r\n`),
  pg: () => postgres(undefined),
  "pg-idle-tx": () => postgres("begin; select 1"),
  burst,
  "pg-run": () => postgres(given[3]),
  cpu: () => {
    os.setPriority(19);
    while (Date.now() < endsAt) Math.sqrt(Math.random());
  },
};

setTimeout(() => process.exit(0), endsAt - Date.now());
process.on("SIGTERM", () => process.exit(0));
KINDS[kind]?.();
