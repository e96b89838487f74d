/**
 * `--web-config`: Prometheus' web.yml, which says how TCP listeners prove who they are and who may use them. Bearer
 * tokens are opsmon's own addition, under the key `opsmon:` like all others.
 * @see https://prometheus.io/docs/prometheus/latest/configuration/https/
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { createSecureContext, type SecureVersion, type TlsOptions } from "node:tls";
import type { ClientCertificates, ListenSecurity } from "../api/security.ts";
import { errorText } from "../base/errors.ts";
import { hasErrors, type Problem, sortProblems } from "../base/problem.ts";
import { systemHint, systemReason, unreadable } from "../base/system-error.ts";
import { bool, checked, choice, type Decode, fields, Findings, list, node, record, text } from "../base/shape.ts";
import { parseYaml } from "../base/yaml.ts";
import { invalid } from "./settings.ts";

const BCRYPT = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** A verification doubles with each step; 14 is a second of one processor. */
const COST_MAX = 14;
const CLIENTS: Readonly<Record<string, ClientCertificates>> = {
  NoClientCert: "none",
  RequestClientCert: "request",
  RequireAnyClientCert: "any",
  VerifyClientCertIfGiven: "verify-if-given",
  RequireAndVerifyClientCert: "verify",
};
const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  TLS10: "TLSv1",
  TLS11: "TLSv1.1",
  TLS12: "TLSv1.2",
  TLS13: "TLSv1.3",
};
const version = choice("TLS10", "TLS11", "TLS12", "TLS13");

const tlsShape = fields(
  {
    cert_file: text,
    key_file: text,
    cert: text,
    key: text,
    client_ca_file: text,
    client_ca: text,
    client_auth_type: choice(
      "NoClientCert",
      "RequestClientCert",
      "RequireAnyClientCert",
      "VerifyClientCertIfGiven",
      "RequireAndVerifyClientCert",
    ),
    min_version: version,
    max_version: version,
    prefer_server_cipher_suites: bool,
  },
  {
    what: "tls_server_config",
    unsupported: {
      cipher_suites: "Node.js' own list of TLS 1.2 and 1.3 suites is used",
      curve_preferences: "Node.js' own list of curves is used",
      client_allowed_sans: "every certificate of client_ca_file is admitted; use a CA of its own",
    },
  },
);

const hash: Decode<string> = checked(text, (value, at, findings) => {
  const cost = Number(BCRYPT.exec(value)?.[1]);
  if (Number.isNaN(cost)) {
    findings.error(at, "this is not a bcrypt hash", "make one with: htpasswd -nBC 10 '' | tr -d ':\\n'");
  } else if (cost > COST_MAX) {
    findings.error(at, `a bcrypt cost of ${cost} holds up scrapes`, `use at most ${COST_MAX}; 10 is usual`);
  }
});

const shape = fields(
  {
    tls_server_config: tlsShape,
    http_server_config: fields({ http2: bool, headers: record(text) }, { what: "http_server_config" }),
    basic_auth_users: record(hash),
    rate_limit: node,
    opsmon: fields({ bearer_token_files: list(text) }, { what: "opsmon" }),
  },
  { what: "a web configuration" },
);

/** Everything that is wrong with the file, or what it says. Named files are read here, so that a mistake shows now. */
export function checkWebConfig(file: string): {
  readonly security: ListenSecurity | undefined;
  readonly problems: readonly Problem[];
} {
  let source: string;
  try {
    source = readFileSync(file, "utf8");
  } catch (cause) {
    throw unreadable(file, cause, { what: "web configuration" });
  }
  const yaml = parseYaml(source, file);
  const findings = new Findings(file, yaml.problems);
  const read = yaml.root === undefined ? undefined : shape(yaml.root, findings);
  const got = read?.got ?? {};
  const dir = path.dirname(path.resolve(file));
  const at = (name: string): string => path.resolve(dir, name);
  const place = read?.place("tls_server_config") ?? { line: 0, column: 0 };
  const tls = got.tls_server_config === undefined ? undefined : tlsOptions(got.tls_server_config, at, findings);
  const tokenFiles = (got.opsmon?.got.bearer_token_files ?? []).map(at);
  for (const name of tokenFiles) {
    try {
      if (readToken(name) === "") findings.error(place, `"${name}" is empty`, "put a long random token into it");
    } catch (error) {
      findings.error(place, `cannot read "${name}": ${systemReason(error)}`, systemHint(error));
    }
  }
  const clients = CLIENTS[got.tls_server_config?.got.client_auth_type ?? "NoClientCert"] ?? "none";
  const problems = sortProblems(findings.problems);
  if (hasErrors(problems)) return { security: undefined, problems };
  return {
    problems,
    security: {
      tls,
      clients,
      users: new Map(Object.entries(got.basic_auth_users ?? {})),
      tokens: () => tokenFiles.map(tokenOrNothing).filter((token) => token !== ""),
      headers: got.http_server_config?.got.headers ?? {},
    },
  };
}

/** @throws UserError `config-invalid` (exit 3) with every mistake, `unreadable`. */
export function loadWebConfig(file: string): ListenSecurity {
  const { security, problems } = checkWebConfig(file);
  if (security === undefined) throw invalid(problems);
  return security;
}

type TlsFields = NonNullable<ReturnType<typeof tlsShape>>;

function tlsOptions(section: TlsFields, at: (name: string) => string, findings: Findings): TlsOptions | undefined {
  const { got } = section;
  const pem = (inline: string | undefined, file: string | undefined, key: string): string | undefined => {
    if (inline !== undefined) return inline;
    if (file === undefined) return undefined;
    try {
      return readFileSync(at(file), "utf8");
    } catch (error) {
      return findings.error(section.place(key), `cannot read "${file}": ${systemReason(error)}`, systemHint(error));
    }
  };
  const cert = pem(got.cert, got.cert_file, "cert_file");
  const key = pem(got.key, got.key_file, "key_file");
  const ca = pem(got.client_ca, got.client_ca_file, "client_ca_file");
  const clients = CLIENTS[got.client_auth_type ?? "NoClientCert"] ?? "none";
  for (const [name, value] of [
    ["cert_file", cert],
    ["key_file", key],
  ] as const) {
    if (value === undefined) findings.error(section.place(name), `tls_server_config needs "${name}"`);
  }
  if ((clients === "verify" || clients === "verify-if-given") && ca === undefined) {
    findings.error(section.place("client_auth_type"), `"${got.client_auth_type}" needs "client_ca_file"`);
  }
  if (clients === "none" && ca !== undefined) {
    findings.error(
      section.place("client_ca_file"),
      "client_ca_file is given, and client_auth_type asks for no certificate",
      "add client_auth_type: RequireAndVerifyClientCert",
    );
  }
  const options: TlsOptions = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    minVersion: VERSIONS[got.min_version ?? "TLS12"] ?? "TLSv1.2",
    maxVersion: VERSIONS[got.max_version ?? "TLS13"] ?? "TLSv1.3",
    honorCipherOrder: got.prefer_server_cipher_suites ?? true,
    requestCert: clients !== "none",
    rejectUnauthorized: clients === "verify",
  };
  try {
    createSecureContext(options);
  } catch (error) {
    findings.error(section.at, `the certificate and its key do not work: ${errorText(error)}`);
  }
  return options;
}

function readToken(file: string): string {
  return readFileSync(file, "utf8").trim();
}

/** A token file that is gone admits nobody. */
function tokenOrNothing(file: string): string {
  try {
    return readToken(file);
  } catch {
    return "";
  }
}
