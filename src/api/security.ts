/**
 * Who may talk to a TCP listener: TLS, basic authentication with bcrypt hashes, bearer tokens, client certificates.
 * Verified passwords are remembered (as a keyed hash), because a dashboard asks a hundred times a minute and one
 * bcrypt costs as much as a scrape; new ones are verified one after the other, so that guessing cannot take the
 * processor.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { TlsOptions, TLSSocket } from "node:tls";

export type ClientCertificates = "none" | "request" | "any" | "verify-if-given" | "verify";

export interface ListenSecurity {
  /** Undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined;
  readonly clients: ClientCertificates;
  /** User names to bcrypt hashes. */
  readonly users: ReadonlyMap<string, string>;
  /** Asked at each request, so that rotated token files are seen. */
  readonly tokens: () => readonly string[];
  /** Sent with every answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Outcomes remembered, right and wrong ones. */
const REMEMBERED_MAX = 500;
/** Verifications waiting at once; a client beyond them is refused rather than queued. */
const WAITING_MAX = 50;
const CREDENTIALS_LENGTH_MAX = 1_024;
/** Verified for an unknown name, so that both take as long. */
const NOBODY = "$2b$10$hCw1CD6nov2PPVs4FzsHhu1TY7FMi7PjHbzHfg0HRJ6GHZD3hDMvy";

export type Verdict = "ok" | "unauthorized" | "busy";

/** True when nobody can pass without proving who they are. */
export function authenticates({ users, tokens, clients, tls }: ListenSecurity): boolean {
  return users.size > 0 || tokens().length > 0 || (tls !== undefined && clients === "verify");
}

export class Gate {
  readonly #security: ListenSecurity;
  readonly #key: Buffer = randomBytes(32);
  readonly #known = new Map<string, boolean>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(security: ListenSecurity) {
    this.#security = security;
  }

  async admit(request: IncomingMessage): Promise<Verdict> {
    const { users, tokens, clients, tls } = this.#security;
    if (tls !== undefined && !certificateFits(request.socket as TLSSocket, clients)) return "unauthorized";
    const allowed = tokens();
    if (users.size === 0 && allowed.length === 0) return "ok";
    const match = /^(basic|bearer) +(\S+) *$/i.exec(request.headers.authorization ?? "");
    const [, scheme = "", credentials = ""] = match ?? [];
    if (credentials === "" || credentials.length > CREDENTIALS_LENGTH_MAX) return "unauthorized";
    if (scheme.toLowerCase() === "bearer") {
      return allowed.some((token) => this.#same(token, credentials)) ? "ok" : "unauthorized";
    }
    return users.size === 0 ? "unauthorized" : this.#password(credentials);
  }

  async #password(credentials: string): Promise<Verdict> {
    const text = Buffer.from(credentials, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon < 0) return "unauthorized";
    const [user, password] = [text.slice(0, colon), text.slice(colon + 1)];
    const hash = this.#security.users.get(user);
    const id = this.#digest(`${user}\u0000${hash ?? ""}\u0000${password}`).toString("base64");
    const known = this.#known.get(id);
    if (known !== undefined) return known ? "ok" : "unauthorized";
    if (this.#waiting >= WAITING_MAX) return "busy";
    this.#waiting++;
    const turn = this.#turn.then(() => this.#known.get(id) ?? verify(password, hash));
    this.#turn = turn.catch(() => undefined);
    try {
      const good = await turn;
      if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
      this.#known.set(id, good);
      return good ? "ok" : "unauthorized";
    } finally {
      this.#waiting--;
    }
  }

  #digest(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }

  #same(a: string, b: string): boolean {
    return timingSafeEqual(this.#digest(a), this.#digest(b));
  }
}

async function verify(password: string, hash: string | undefined): Promise<boolean> {
  const { compare } = await import("bcryptjs");
  const fits = await compare(password, hash ?? NOBODY);
  return fits && hash !== undefined;
}

function certificateFits(socket: TLSSocket, clients: ClientCertificates): boolean {
  if (clients === "none" || clients === "request") return true;
  const given = Object.keys(socket.getPeerCertificate()).length > 0;
  if (clients === "any") return given;
  return socket.authorized || (clients === "verify-if-given" && !given);
}
