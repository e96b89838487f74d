/** Who gets past a TCP listener: real TLS, real bcrypt, certificates of the test's own. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { hashSync } from "bcryptjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApiServer } from "../../../src/api/server.ts";
import { checkWebConfig, loadWebConfig } from "../../../src/app/web-config.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { type ApiFixture, serveApi } from "../../support/api.ts";

const NOW = 1_800_000_000_000;
let api: ApiFixture;
let dir: string;
const at = (name: string): string => path.join(dir, name);

/** A certificate for 127.0.0.1, and one for a client, both signed by themselves and good for a hundred years. */
const CERTIFICATES = path.join(import.meta.dirname, "../../fixtures/tls");

beforeAll(async () => {
  api = await serveApi(NOW);
  dir = mkdtempSync(path.join(tmpdir(), "opsmon-web-"));
  cpSync(CERTIFICATES, dir, { recursive: true });
  writeFileSync(at("token"), "a-long-random-token\n");
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const HASH = hashSync("correct horse", 4).replace("$2b$", "$2y$");
const TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";
const USERS = `basic_auth_users: {alice: "${HASH}"}\n`;

function webConfig(text: string): string {
  const file = at(`web-${Math.random().toString(36).slice(2)}.yml`);
  writeFileSync(file, text);
  return file;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function listening(text: string, run: (ask: (options?: RequestOptions) => Promise<Reply>) => Promise<void>) {
  const security = loadWebConfig(webConfig(text));
  const server = createApiServer(api.services, silentLogger);
  const port = await server.listenTcp("127.0.0.1", 0, security);
  const start = security.tls === undefined ? httpRequest : httpsRequest;
  try {
    await run(
      (options = {}) =>
        new Promise((resolve, reject) => {
          const ca = readFileSync(at("server.crt"));
          const request = start(
            { host: "127.0.0.1", port, path: "/-/healthy", ca, agent: false, ...options },
            (reply) => {
              reply.resume();
              resolve({ status: reply.statusCode ?? 0, headers: reply.headers });
            },
          );
          request.on("error", reject);
          request.end();
        }),
    );
  } finally {
    await server.close();
  }
}

const basic = (text: string): RequestOptions => ({
  headers: { authorization: `Basic ${Buffer.from(text).toString("base64")}` },
});
const bearer = (text: string): RequestOptions => ({ headers: { authorization: `Bearer ${text}` } });

describe("a web configuration", () => {
  it("asks for a user's password", async () => {
    await listening(USERS, async (ask) => {
      const none = await ask();
      expect([none.status, none.headers["www-authenticate"]]).toEqual([401, "Basic"]);
      const cases = [
        ["alice:correct horse", 200],
        ["alice:correct horse", 200],
        ["alice:wrong", 401],
        ["alice:", 401],
        ["bob:correct horse", 401],
        ["alice", 401],
      ] as const;
      for (const [text, status] of cases) expect((await ask(basic(text))).status, text).toBe(status);
      expect((await ask({ headers: { authorization: `Basic ${"A".repeat(5_000)}` } })).status).toBe(401);
    });
  });

  it("takes a bearer token from a file, also beside users", async () => {
    await listening(`${USERS}opsmon: {bearer_token_files: [token]}\n`, async (ask) => {
      expect((await ask(bearer("a-long-random-token"))).status).toBe(200);
      expect((await ask(bearer("another"))).status).toBe(401);
      expect((await ask(basic("alice:correct horse"))).status).toBe(200);
    });
  });

  it("speaks TLS, and sends the headers it is told to", async () => {
    const headers = "http_server_config: {headers: {Strict-Transport-Security: max-age=9, X-Frame-Options: deny}}\n";
    await listening(TLS + headers, async (ask) => {
      const reply = await ask();
      expect([reply.status, reply.headers["strict-transport-security"]]).toEqual([200, "max-age=9"]);
      await expect(ask({ maxVersion: "TLSv1.1", minVersion: "TLSv1.1" })).rejects.toThrow();
    });
  });

  it.each([
    ["RequireAndVerifyClientCert", "client", "ok", "the certificate it knows"],
    ["RequireAndVerifyClientCert", undefined, "refused", "no certificate"],
    ["RequireAndVerifyClientCert", "server", "refused", "somebody else's certificate"],
    ["VerifyClientCertIfGiven", undefined, "ok", "no certificate, and none is needed"],
    ["VerifyClientCertIfGiven", "server", "refused", "a wrong one is worse than none"],
    ["RequireAnyClientCert", "server", "ok", "any certificate"],
    ["RequireAnyClientCert", undefined, "refused", "none at all"],
  ])("%s with %s: %s (%s)", async (type: string, name: string | undefined, outcome: string, _why: string) => {
    const tls = `tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: client.crt, client_auth_type: ${type}}\n`;
    const own =
      name === undefined ? {} : { cert: readFileSync(at(`${name}.crt`)), key: readFileSync(at(`${name}.key`)) };
    await listening(tls, async (ask) => {
      const status = await ask(own).then(
        (reply) => reply.status,
        () => 0,
      );
      if (outcome === "ok") expect(status).toBe(200);
      else expect([0, 401]).toContain(status);
    });
  });

  it.each([
    ["tls_server_config: {cert_file: server.crt}\n", /key_file/, "a certificate without its key"],
    ["tls_server_config: {cert_file: none.crt, key_file: server.key}\n", /none\.crt/, "a file that is not there"],
    ["tls_server_config: {cert_file: server.crt, key_file: client.key}\n", /do not work/, "another's key"],
    [
      "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert}\n",
      /client_ca_file/,
      "nobody to verify by",
    ],
    ["basic_auth_users: {alice: secret}\n", /not a bcrypt hash/, "a password in clear"],
    [`basic_auth_users: {alice: "$2y$20$${"a".repeat(53)}"}\n`, /cost of 20/, "a cost that stops the engine"],
    ["basic_auth_user: {}\n", /basic_auth_user/, "a key with a spelling mistake"],
    ["opsmon: {bearer_token_files: [nowhere]}\n", /nowhere/, "a token file that is not there"],
  ])("refuses %s (%s: %s)", (text, message) => {
    const { security, problems } = checkWebConfig(webConfig(text));
    expect(security).toBeUndefined();
    expect(problems.map((one) => `${one.message} ${one.hint ?? ""}`).join("\n")).toMatch(message);
  });
});

describe("a listener that runs", () => {
  it("takes new users and certificates, and refuses to lose its TLS", async () => {
    const server = createApiServer(api.services, silentLogger);
    const port = await server.listenTcp("127.0.0.1", 0, loadWebConfig(webConfig(TLS + USERS)));
    const ask = (ca: string, authorization: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const options = {
          host: "127.0.0.1",
          port,
          path: "/-/healthy",
          agent: false as const,
          ca: readFileSync(at(ca)),
        };
        const request = httpsRequest({ ...options, headers: { authorization } }, (reply) => {
          reply.resume();
          resolve(reply.statusCode ?? 0);
        });
        request.on("error", reject);
        request.end();
      });
    const alice = `Basic ${Buffer.from("alice:correct horse").toString("base64")}`;
    expect(await ask("server.crt", alice)).toBe(200);
    const other = "tls_server_config: {cert_file: client.crt, key_file: client.key}\n";
    server.secure(loadWebConfig(webConfig(`${other}opsmon: {bearer_token_files: [token]}\n`)));
    expect(await ask("client.crt", "Bearer a-long-random-token")).toBe(200);
    expect(await ask("client.crt", alice)).toBe(401);
    await expect(ask("server.crt", "Bearer a-long-random-token")).rejects.toThrow();
    expect(() => server.secure(loadWebConfig(webConfig(USERS)))).toThrow(/TLS was taken away/);
    expect(await ask("client.crt", "Bearer a-long-random-token")).toBe(200);
    await server.close();
  });
});

describe("an address that others can reach", () => {
  it.each([
    [undefined, /without TLS and authentication/, "nothing"],
    [USERS, /without TLS/, "passwords in clear"],
    [TLS, /without authentication/, "everybody may"],
  ])("is refused with %s", async (text: string | undefined, message: RegExp, _why: string) => {
    const server = createApiServer(api.services, silentLogger);
    const security = text === undefined ? undefined : loadWebConfig(webConfig(text));
    await expect(server.listenTcp("0.0.0.0", 0, security)).rejects.toThrow(message);
    await server.close();
  });

  it("is opened with both", async () => {
    const server = createApiServer(api.services, silentLogger);
    expect(await server.listenTcp("0.0.0.0", 0, loadWebConfig(webConfig(TLS + USERS)))).toBeGreaterThan(0);
    await server.close();
  });
});
