/** Anything that went wrong while talking to a target, as one sentence that names the cause. */
import { errorText, UserError } from "../base/errors.ts";
import { escapeControl } from "../base/log.ts";

/** Longest sentence kept: what a target or a resolver says is not ours to trust. */
const CAUSE_LENGTH_MAX = 300;

interface SystemCause {
  readonly code: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}

/** Node and undici nest the system's error one or two levels down; connecting to several addresses makes a list. */
function systemCause(error: unknown, depth = 0): SystemCause | undefined {
  if (!(error instanceof Error) || depth > 4) return undefined;
  if (error instanceof AggregateError) {
    for (const inner of error.errors) {
      const found = systemCause(inner, depth + 1);
      if (found !== undefined) return found;
    }
  }
  const deeper = systemCause(error.cause, depth + 1);
  if (deeper !== undefined) return deeper;
  return "code" in error && typeof error.code === "string" ? (error as Error & SystemCause) : undefined;
}

const TLS_CAUSES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed: name it in tls_config.ca_file",
  SELF_SIGNED_CERT_IN_CHAIN: "a certificate in the chain is self-signed: name it in tls_config.ca_file",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's issuer is unknown: name it in tls_config.ca_file",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate's issuer is unknown: name it in tls_config.ca_file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's issuer is unknown: name it in tls_config.ca_file",
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet: compare the clocks",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name: see tls_config.server_name",
  ERR_SSL_WRONG_VERSION_NUMBER: "the port does not speak TLS: use scheme http",
  EPROTO: "the TLS handshake failed: does the port speak TLS?",
};

function systemSentence(cause: SystemCause, place: string): string | undefined {
  const at = cause.address === undefined ? place : `${cause.address}:${cause.port ?? ""}`;
  switch (cause.code) {
    case "ECONNREFUSED":
      return `connection refused at ${at}: nothing listens there`;
    case "ECONNRESET":
    case "EPIPE":
    case "UND_ERR_SOCKET":
      return `${place} closed the connection before the answer was complete`;
    case "ENOTFOUND":
      return `the host name "${cause.hostname ?? place}" is unknown to DNS`;
    case "EAI_AGAIN":
      return `the host name "${cause.hostname ?? place}" could not be resolved: DNS does not answer`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `no route to ${at}`;
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
      return `no connection to ${at}: it does not answer at all`;
    case "EACCES":
    case "EPERM":
      return `not allowed to connect to ${at}: a firewall rule refuses it`;
    case "EMFILE":
    case "ENFILE":
      return "too many open files: raise the limit of open files (ulimit -n)";
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return "the body is shorter than its Content-Length says";
    case "UND_ERR_HEADERS_OVERFLOW":
      return "the answer's headers are too large";
    case "Z_BUF_ERROR":
      return "the gzip body ends too early";
    case "Z_DATA_ERROR":
      return "the body says gzip but is not gzip";
    default:
      if (cause.code.startsWith("HPE_")) return `${place} does not speak HTTP`;
      return TLS_CAUSES[cause.code];
  }
}

/** @param place host and port of the target, for causes that do not know theirs. */
export function causeSentence(error: unknown, place: string): string {
  const known = error instanceof UserError ? undefined : systemCause(error);
  const sentence = (known && systemSentence(known, place)) ?? errorText(error);
  return escapeControl(sentence).slice(0, CAUSE_LENGTH_MAX);
}
