/** How to reach an HTTP endpoint: authentication, TLS, headers, proxy; the same keys wherever Prometheus has them. */
import { type Decode, type Fields, type Findings, bool, choice, fields, list, record, text } from "../base/shape.ts";
import type { HttpClientConfig, Secret, TlsConfig } from "../model/job.ts";
import { type Context, filePath, secret, secretFile, url } from "./context.ts";

const NOT_SUPPORTED = "opsmon has no such client; use basic_auth or authorization";

function basicAuth(context: Context): Decode<NonNullable<HttpClientConfig["basicAuth"]>> {
  const shape = fields(
    {
      username: text,
      username_file: secretFile(context),
      password: secret(context),
      password_file: secretFile(context),
    },
    { what: "basic_auth" },
  );
  return (at, findings) => {
    const read = shape(at, findings);
    if (read === undefined) return undefined;
    const { got } = read;
    exclusive(read, findings, "username", "username_file");
    exclusive(read, findings, "password", "password_file");
    const password = got.password ?? got.password_file;
    let username = got.username;
    try {
      username ??= got.username_file?.reveal();
    } catch {
      // The warning was noted where the file is named.
    }
    if (username === undefined) findings.error(at, 'basic_auth needs "username"');
    if (password === undefined) findings.error(at, 'basic_auth needs "password" or "password_file"');
    return username === undefined || password === undefined ? undefined : { username, password };
  };
}

function exclusive<K extends string>(read: Fields<Record<K, Decode<unknown>>>, findings: Findings, a: K, b: K): void {
  if (read.has(a) && read.has(b)) findings.error(read.place(b), `"${a}" and "${b}" exclude each other`, "remove one");
}

function authorization(context: Context): Decode<NonNullable<HttpClientConfig["authorization"]>> {
  const shape = fields(
    { type: text, credentials: secret(context), credentials_file: secretFile(context) },
    { what: "authorization" },
  );
  return (at, findings) => {
    const read = shape(at, findings);
    if (read === undefined) return undefined;
    exclusive(read, findings, "credentials", "credentials_file");
    const type = read.got.type ?? "Bearer";
    if (type.toLowerCase() === "basic") {
      return findings.error(read.place("type"), 'authorization type "Basic" is not allowed', "use basic_auth");
    }
    const credentials = read.got.credentials ?? read.got.credentials_file;
    if (credentials === undefined) return findings.error(at, 'authorization needs "credentials" or "credentials_file"');
    return { type, credentials };
  };
}

function tlsConfig(context: Context): Decode<TlsConfig> {
  const path = filePath(context);
  const shape = fields(
    {
      ca_file: path,
      cert_file: path,
      key_file: path,
      server_name: text,
      insecure_skip_verify: bool,
      min_version: choice("TLS10", "TLS11", "TLS12", "TLS13"),
      max_version: choice("TLS10", "TLS11", "TLS12", "TLS13"),
    },
    {
      what: "tls_config",
      unsupported: {
        ca: "write the certificate to a file and use ca_file",
        cert: "use cert_file",
        key: "use key_file",
      },
    },
  );
  return (at, findings) => {
    const read = shape(at, findings);
    if (read === undefined) return undefined;
    const { got } = read;
    if ((got.cert_file === undefined) !== (got.key_file === undefined)) {
      findings.error(at, 'tls_config needs "cert_file" and "key_file" together');
    }
    return {
      ...(got.ca_file !== undefined && { caFile: got.ca_file }),
      ...(got.cert_file !== undefined && { certFile: got.cert_file }),
      ...(got.key_file !== undefined && { keyFile: got.key_file }),
      ...(got.server_name !== undefined && { serverName: got.server_name }),
      insecureSkipVerify: got.insecure_skip_verify ?? false,
    };
  };
}

const header =
  (context: Context): Decode<readonly string[]> =>
  (at, findings) => {
    const read = fields(
      { values: list(text), secrets: list(secret(context)), files: list(secretFile(context)) },
      { what: "a header" },
    )(at, findings);
    if (read === undefined) return undefined;
    const { values = [], secrets = [], files = [] } = read.got;
    return [...values, ...[...secrets, ...files].map((value) => value.reveal())];
  };

/** The keys of an HTTP client as decoders, to spread into the shape of whatever has one. */
export interface HttpShape extends Readonly<Record<string, Decode<unknown>>> {
  readonly basic_auth: Decode<NonNullable<HttpClientConfig["basicAuth"]>>;
  readonly authorization: Decode<NonNullable<HttpClientConfig["authorization"]>>;
  readonly bearer_token: Decode<Secret>;
  readonly bearer_token_file: Decode<Secret>;
  readonly tls_config: Decode<TlsConfig>;
  readonly proxy_url: Decode<string>;
  readonly no_proxy: Decode<string>;
  readonly proxy_from_environment: Decode<boolean>;
  readonly follow_redirects: Decode<boolean>;
  readonly enable_http2: Decode<boolean>;
  readonly http_headers: Decode<Readonly<Record<string, readonly string[]>>>;
}

export function httpShape(context: Context): HttpShape {
  return {
    basic_auth: basicAuth(context),
    authorization: authorization(context),
    bearer_token: secret(context),
    bearer_token_file: secretFile(context),
    tls_config: tlsConfig(context),
    proxy_url: url(context, ["http:", "https:", "socks5:"]),
    no_proxy: text,
    proxy_from_environment: bool,
    follow_redirects: bool,
    enable_http2: bool,
    http_headers: record(header(context)),
  };
}

/** Keys of an HTTP client that Prometheus has and opsmon has not. */
export const HTTP_UNSUPPORTED: Readonly<Record<string, string>> = {
  oauth2: NOT_SUPPORTED,
  sigv4: NOT_SUPPORTED,
  azuread: NOT_SUPPORTED,
  google_iam: NOT_SUPPORTED,
  proxy_connect_header: "headers for the proxy itself are not sent",
};

/** Builds the client and notes what excludes each other. */
export function httpClient(read: Fields<HttpShape>, findings: Findings): HttpClientConfig {
  const { got } = read;
  const ways = (["basic_auth", "authorization", "bearer_token", "bearer_token_file"] as const).filter((key) =>
    read.has(key),
  );
  for (const extra of ways.slice(1)) {
    findings.error(read.place(extra), `"${ways[0]}" and "${extra}" exclude each other`, "keep one way to authenticate");
  }
  const bearer = got.bearer_token ?? got.bearer_token_file;
  const authorize = got.authorization ?? (bearer === undefined ? undefined : { type: "Bearer", credentials: bearer });
  const headers = Object.entries(got.http_headers ?? {}).map(([name, values]) => [name, values.join(", ")] as const);
  return {
    ...(got.basic_auth !== undefined && { basicAuth: got.basic_auth }),
    ...(authorize !== undefined && { authorization: authorize }),
    ...(got.tls_config !== undefined && { tls: got.tls_config }),
    ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
    ...(got.proxy_url !== undefined && { proxyUrl: got.proxy_url }),
    followRedirects: got.follow_redirects ?? true,
  };
}

export const NO_HTTP: HttpClientConfig = { followRedirects: true };
