/** What the decoders of one file share: where relative paths start, how secrets are read, which nodes are secret. */
import { isAbsolute, join } from "node:path";
import type { Decode, Findings } from "../base/shape.ts";
import { describe, parsed } from "../base/shape.ts";
import type { YamlNode } from "../base/yaml.ts";
import { parseDuration } from "../model/duration.ts";
import { Secret } from "../model/job.ts";
import { parseSize } from "../model/size.ts";
import { UserError } from "../base/errors.ts";
import { systemReason } from "../base/system-error.ts";
import type { ConfigPorts } from "./config.ts";

export interface Context {
  /** Directory of the file, absolute. */
  readonly dir: string;
  readonly ports: ConfigPorts;
  /** Scalars whose text must never be shown. */
  readonly secrets: Set<YamlNode>;
}

const ENV_HOLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** Replaces `${NAME}` and `${NAME:-default}`; an unset name without default is an error. */
function fromEnvironment(text: string, context: Context, node: YamlNode, findings: Findings): string | undefined {
  let ok = true;
  const out = text.replace(ENV_HOLE, (_whole, name: string, fallback: string | undefined) => {
    const value = context.ports.env[name] ?? fallback;
    if (value !== undefined) return value;
    ok = false;
    findings.error(node, `environment variable "${name}" is not set`, `set it, or write \${${name}:-default}`);
    return "";
  });
  return ok ? out : undefined;
}

/** A secret written in the file itself, with `${ENV}` holes. */
export function secret(context: Context): Decode<Secret> {
  return (node, findings) => {
    if (node.kind !== "scalar") return findings.error(node, `${describe(node)} where a secret is expected`);
    if (node.isNull) return undefined;
    context.secrets.add(node);
    const value = fromEnvironment(node.text, context, node, findings);
    return value === undefined ? undefined : new Secret(value);
  };
}

/** Longest secret file; a private token is a few hundred bytes. */
const SECRET_LENGTH_MAX = 64 * 1024;

/**
 * A file that holds a secret: read when the secret is used, so a rotated one is picked up. The path may have
 * `${ENV}` holes: systemd names its credentials by `${CREDENTIALS_DIRECTORY}/name`.
 */
export function secretFile(context: Context): Decode<Secret> {
  return (node, findings) => {
    const named = node.kind === "scalar" ? fromEnvironment(node.text, context, node, findings) : undefined;
    if (node.kind === "scalar" && named === undefined) return undefined;
    const path = filePath(context)(node.kind === "scalar" ? { ...node, text: named ?? "" } : node, findings);
    if (path === undefined) return undefined;
    const read = (): string => {
      const text = context.ports.readFile(path);
      if (text.length > SECRET_LENGTH_MAX) {
        throw new UserError("secret-too-long", `"${path}" is longer than ${SECRET_LENGTH_MAX} characters`, {
          hint: "is it the file with the secret?",
        });
      }
      return text.trim();
    };
    try {
      read();
    } catch (error) {
      findings.warn(node, `cannot read "${path}": ${systemReason(error)}`, "it is read again each time it is needed");
    }
    return new Secret(read);
  };
}

/** A URL with `${ENV}` holes; its user and password are secret. */
export function url(context: Context, schemes: readonly string[] = ["http:", "https:"]): Decode<string> {
  return (node, findings) => {
    if (node.kind !== "scalar" || node.isNull) return findings.error(node, `${describe(node)} is not a URL`);
    const text = fromEnvironment(node.text, context, node, findings);
    if (text === undefined) return undefined;
    if (!URL.canParse(text)) {
      return findings.error(
        node,
        `${describe(node)} is not a URL`,
        `write it whole, e.g. ${schemes[0]}//host:9090/path`,
      );
    }
    const parsedUrl = new URL(text);
    if (!schemes.includes(parsedUrl.protocol)) {
      return findings.error(
        node,
        `${describe(node)} has scheme "${parsedUrl.protocol.slice(0, -1)}"`,
        `use ${schemes.join(" or ")}`,
      );
    }
    if (parsedUrl.password !== "" || parsedUrl.username !== "") context.secrets.add(node);
    return text;
  };
}

/** A path, absolute or from the file's own directory. */
export function filePath(context: Context): Decode<string> {
  return (node, findings) => {
    if (node.kind !== "scalar") return findings.error(node, `${describe(node)} where a path is expected`);
    if (node.isNull || node.text === "") return undefined;
    return isAbsolute(node.text) ? node.text : join(context.dir, node.text);
  };
}

export const duration: Decode<number> = parsed(parseDuration);

/** More than zero. */
export const interval: Decode<number> = (node, findings) => {
  const ms = duration(node, findings);
  if (ms !== 0) return ms;
  return findings.error(node, `${describe(node)} must be longer than zero`);
};

/** `512MB`, `50GB`, `10MiB`: powers of 1024 in both spellings, as Prometheus counts. */
export const size: Decode<number> = parsed(parseSize);
