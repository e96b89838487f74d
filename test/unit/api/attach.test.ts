/** A screen's hold on its engine: one connection at a time, and none left behind, whatever the engine does meanwhile. */
import { createServer, type Server, type ServerResponse } from "node:http";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { engineSource } from "../../../src/api/client/engine.ts";
import { eventually, tempDir } from "../../support/process.ts";

interface Door extends AsyncDisposable {
  readonly socket: string;
  /** Connections that are open now. */
  open(): number;
  readonly waiting: ServerResponse[];
}

/** An engine's socket that accepts and answers only when told. */
async function door(dir: string): Promise<Door> {
  const waiting: ServerResponse[] = [];
  let open = 0;
  const server: Server = createServer((_, response) => void waiting.push(response));
  server.on("connection", (socket) => {
    open++;
    socket.once("close", () => open--);
  });
  const socket = path.join(dir, "opsmon.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    waiting,
    open: () => open,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(response: ServerResponse | undefined): void {
  response?.writeHead(200, { "content-type": "text/plain" });
  response?.write("attached\n");
}

describe("attach", () => {
  test("leaves no connection behind when it is tried twice at once", async () => {
    using dir = tempDir();
    await using engine = await door(dir.path);
    const source = engineSource(engine.socket);
    const first = source.attach();
    const failed = expect(first).rejects.toThrow();
    await eventually("the first request", () => engine.waiting.length === 1);
    const second = source.attach();
    await failed;
    await eventually("the second request", () => engine.waiting.length === 2);
    answer(engine.waiting[1]);
    await second;
    expect(engine.open()).toBe(1);
    await source[Symbol.asyncDispose]();
    await eventually("the end of the connection", () => engine.open() === 0);
  });

  test("is given up when the screen leaves before the engine has answered", async () => {
    using dir = tempDir();
    await using engine = await door(dir.path);
    const source = engineSource(engine.socket);
    const attached = expect(source.attach()).rejects.toThrow();
    await eventually("the request", () => engine.waiting.length === 1);
    await source[Symbol.asyncDispose]();
    await attached;
    await eventually("the end of the connection", () => engine.open() === 0);
  });

  test("tells once that a held engine has gone", async () => {
    using dir = tempDir();
    await using engine = await door(dir.path);
    const source = engineSource(engine.socket);
    let lost = 0;
    const attached = source.attach(() => lost++);
    await eventually("the request", () => engine.waiting.length === 1);
    answer(engine.waiting[0]);
    await attached;
    engine.waiting[0]?.destroy();
    await eventually("the news", () => lost === 1);
    await source[Symbol.asyncDispose]();
    expect(lost).toBe(1);
  });
});
