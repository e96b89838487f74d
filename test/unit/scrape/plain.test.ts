/** The short way to a page, against servers that answer byte by byte, wrongly, or not at all. */
import net from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { BodyBudget } from "../../../src/scrape/body.ts";
import { PageBuffers } from "../../../src/scrape/page-buffers.ts";
import { PlainClient, type PlainRequest } from "../../../src/scrape/plain.ts";

interface Talker extends AsyncDisposable {
  readonly port: number;
  connections: number;
}

/** Answers each request with these pieces, each in a write of its own; then ends the connection when told. */
async function talker(pieces: readonly (string | Buffer)[], end = false): Promise<Talker> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    made.connections++;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => {
      void (async () => {
        for (const piece of pieces) {
          socket.write(piece);
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (end) socket.end();
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const made = {
    port: (server.address() as net.AddressInfo).port,
    connections: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return made;
}

function clientOf(): PlainClient {
  return new PlainClient({ clock: systemClock, budget: new BodyBudget(), buffers: new PageBuffers() });
}

function requestTo(port: number, more: Partial<PlainRequest> = {}): PlainRequest {
  const head = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
  return { host: "127.0.0.1", port, place: `127.0.0.1:${port}`, head, timeoutMs: 5_000, bodyBytesMax: 1_000, ...more };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const zipped = gzipSync("up 1\n");
const gzipHead = Buffer.from(`${OK}Content-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`);

describe("what it reads", () => {
  const cases: readonly (readonly [pieces: readonly (string | Buffer)[], page: string, why: string])[] = [
    [[`${OK}Content-Length: 5\r\n\r\nup 1\n`], "up 1\n", "a length"],
    [[...`${OK}content-length: 5\r\n\r\nup 1\n`], "up 1\n", "byte by byte"],
    [[`${CHUNKED}5\r\nup 1\n\r\n0\r\n\r\n`], "up 1\n", "one chunk"],
    [[...`${CHUNKED}2\r\nup\r\n3;x=y\r\n 1\n\r\n0\r\n\r\n`], "up 1\n", "chunks byte by byte"],
    [[`${OK}Content-Length: 0\r\n\r\n`], "", "an empty page"],
    [[gzipHead, zipped], "up 1\n", "gzip"],
  ];
  test.each(cases)("%j gives %j (%s)", async (pieces, page) => {
    await using server = await talker(pieces);
    const client = clientOf();
    for (let round = 0; round < 3; round++) {
      const answer = await client.get(requestTo(server.port));
      expect(answer?.status).toBe(200);
      expect(answer?.contentType).toBe("text/plain");
      expect(answer?.page.bytes.toString()).toBe(page);
      answer?.page.release();
    }
    expect(server.connections, "the connection is kept").toBe(1);
    client.close();
  });

  test("another status comes without a body", async () => {
    await using server = await talker(["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"]);
    expect(await clientOf().get(requestTo(server.port))).toMatchObject({ status: 503 });
  });

  test("a page is not overwritten while it is lent", async () => {
    await using server = await talker([`${OK}Content-Length: 5\r\n\r\nup 1\n`]);
    const client = clientOf();
    const first = await client.get(requestTo(server.port));
    const second = await client.get(requestTo(server.port));
    second?.page.bytes.fill(0x78);
    expect(first?.page.bytes.toString()).toBe("up 1\n");
    client.close();
  });
});

describe("a page that is lent where it was received", () => {
  test("stays when it is kept, and is written over by the next one when it is not", async () => {
    let turn = 0;
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write(`${OK}Content-Length: 5\r\n\r\nup ${++turn}\n`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = clientOf();
    const asked = requestTo((server.address() as net.AddressInfo).port, { borrows: true });
    const first = await client.get(asked);
    expect(first?.page.bytes.toString(), "before anything is waited for").toBe("up 1\n");
    const kept = first?.page.keep();
    const second = await client.get(asked);
    expect(second?.page.bytes.toString()).toBe("up 2\n");
    expect(kept?.bytes.toString()).toBe("up 1\n");
    expect(first?.page.bytes.toString(), "the same memory").toBe("up 2\n");
    client.close();
    server.close();
  });

  test.each([
    ["in pieces", [`${OK}Content-Length: 5\r\n\r\nup`, " 1\n"]],
    ["in chunks", [`${CHUNKED}5\r\nup 1\n\r\n0\r\n\r\n`]],
    ["as gzip", [gzipHead, zipped]],
  ])("what comes %s is put together elsewhere", async (_, pieces) => {
    await using server = await talker(pieces);
    const client = clientOf();
    const first = await client.get(requestTo(server.port, { borrows: true }));
    const page = first?.page.keep();
    await client.get(requestTo(server.port, { borrows: true }));
    expect(page?.bytes.toString()).toBe("up 1\n");
    client.close();
  });
});

describe("what it leaves to the other client", () => {
  const cases: readonly (readonly [text: string, why: string])[] = [
    ["HTTP/1.0 200 OK\r\n\r\nup 1\n", "HTTP/1.0"],
    ["SSH-2.0-OpenSSH\r\n", "another protocol"],
    [`${OK}\r\nup 1\n`, "neither length nor chunks"],
    [`${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nup 1\n`, "two lengths"],
    [`${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, "both"],
    [`${OK}Content-Length: 5\r\nContent-Encoding: br\r\n\r\nxxxxx`, "a coding nobody asked for"],
    ["HTTP/1.1 200 OK\r\nContent-Le", "ends within its head"],
    [`${OK}Content-Length: 2\r\n\r\nup 1\n`, "more than it said"],
    [`${CHUNKED}zz\r\nup 1\n`, "a chunk size that is no number"],
    [`${CHUNKED}2\r\nup 1\n\r\n0\r\n\r\n`, "a chunk longer than it said"],
    ["HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "a redirect"],
    ["", "nothing at all"],
  ];
  test.each(cases)("%j (%s)", async (text) => {
    await using server = await talker([text], true);
    expect(await clientOf().get(requestTo(server.port))).toBeUndefined();
  });
});

describe("an answer that ends behind its head fails, and is not asked for again", () => {
  test.each([
    [`${OK}Content-Length: 5\r\n\r\nup`, "2 of 5 bytes"],
    [`${OK}Content-Length: 5\r\n\r\n`, "0 of 5 bytes"],
    [`${CHUNKED}5\r\nup 1`, "4 bytes"],
    [`${CHUNKED}5\r\nup 1\n\r\n`, "5 bytes"],
  ])("%j", async (text, told) => {
    await using server = await talker([text], true);
    const client = clientOf();
    for (let i = 0; i < 2; i++)
      await expect(client.get(requestTo(server.port))).rejects.toMatchObject({
        code: "http-cut",
        message: `the connection ended after ${told} of the body`,
      });
  });
});

describe("its limits", () => {
  test.each([
    ["a length over the limit", `${OK}Content-Length: 5000\r\n\r\n${"x".repeat(100)}`],
    ["chunks over the limit", `${CHUNKED}7d0\r\n${"x".repeat(2_000)}\r\n0\r\n\r\n`],
  ])("refuses %s", async (_, text) => {
    await using server = await talker([text]);
    await expect(clientOf().get(requestTo(server.port))).rejects.toMatchObject({ code: "body-limit" });
  });

  test("a gzip bomb stops at the limit", async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    const head = `${OK}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`;
    await using server = await talker([head, bomb]);
    await expect(clientOf().get(requestTo(server.port, { bodyBytesMax: 10_000 }))).rejects.toMatchObject({
      code: "body-limit",
    });
  });

  test("says how far the answer had come when time is up", async () => {
    await using server = await talker([`${OK}Content-Length: 5\r\n\r\nup`]);
    await expect(clientOf().get(requestTo(server.port, { timeoutMs: 50 }))).rejects.toMatchObject({
      code: "http-timeout",
      message: "the body was not complete within 50ms (2 bytes so far)",
    });
  });

  test("an abort ends it with its reason", async () => {
    await using server = await talker([OK]);
    const abort = new AbortController();
    const asked = clientOf().get(requestTo(server.port, { signal: abort.signal }));
    setImmediate(() => abort.abort(new Error("enough")));
    await expect(asked).rejects.toThrow("enough");
  });
});
