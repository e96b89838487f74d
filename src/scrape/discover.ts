/**
 * Finds exporters on the machine's loopback address by their well-known ports and a metric only they expose.
 *
 * It asks politely: one request a port, half a second, the first 256 KiB of the page. A port that answers anything
 * else is nobody's business and is passed over without a word.
 */
import { Agent, get, type IncomingMessage } from "node:http";
import { createGunzip } from "node:zlib";
import type { Readable } from "node:stream";
import { ACCEPT } from "../exposition/negotiate.ts";

/** The part of a scraper's description that discovery needs; `ScraperSpec` has it. */
export interface ExporterFingerprint {
  readonly name: string;
  readonly doc: string;
  readonly ports: readonly number[];
  readonly metricsPath: string;
  /** Any one of these metrics recognises the exporter; one that ends in `_` stands for all names that begin so. */
  readonly fingerprints: readonly string[];
}

/** An exporter found on a well-known port. */
export interface DiscoveredTarget {
  readonly scraper: string;
  readonly url: string;
  readonly doc: string;
}

export interface DiscoverOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** For each port: connect, headers and the first part of the body; default 500. */
  readonly timeoutMs?: number;
  /** Bytes of a page that are looked at; default 256 KiB. */
  readonly bodyBytesMax?: number;
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS_DEFAULT = 500;
/** Exporters sort their names: the ones that tell postgres_exporter stand behind 130 KB of others. */
const BODY_BYTES_DEFAULT = 256 * 1024;
/** Ports asked at a time: discovery runs beside everything else. */
const IN_FLIGHT_MAX = 16;

/** One page to fetch, and who it may belong to. */
interface Probe {
  readonly url: string;
  readonly specs: ExporterFingerprint[];
}

function probesOf(specs: readonly ExporterFingerprint[], host: string): readonly Probe[] {
  const probes = new Map<string, Probe>();
  for (const spec of specs) {
    for (const port of spec.ports) {
      const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}${spec.metricsPath}`;
      const probe = probes.get(url);
      if (probe === undefined) probes.set(url, { url, specs: [spec] });
      else probe.specs.push(spec);
    }
  }
  return [...probes.values()];
}

/** The metric names at the start of lines, TYPE and HELP lines included; the last, maybe cut, line is left out. */
function metricNames(page: string): ReadonlySet<string> {
  const names = new Set<string>();
  const whole = page.slice(0, page.lastIndexOf("\n") + 1);
  for (const match of whole.matchAll(/^(?:# (?:TYPE|HELP) )?([a-zA-Z_:][a-zA-Z0-9_:]*)/gm))
    names.add(match[1] as string);
  return names;
}

function recognises(spec: ExporterFingerprint, names: ReadonlySet<string>): boolean {
  return spec.fingerprints.some((print) =>
    print.endsWith("_") ? [...names].some((name) => name.startsWith(print)) : names.has(print),
  );
}

/** The first bytes of a page, or "" for whatever else happens. */
async function fetchStart(url: string, agent: Agent, bytesMax: number, signal: AbortSignal): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage | undefined>();
  const headers = { accept: ACCEPT, "accept-encoding": "identity", "user-agent": "opsmon-discovery" };
  const request = get(url, { agent, signal, headers }, resolve);
  request.on("error", () => resolve(undefined));
  const response = await promise;
  const page = response === undefined ? "" : await readStart(response, bytesMax);
  request.destroy();
  return page;
}

async function readStart(response: IncomingMessage, bytesMax: number): Promise<string> {
  if (response.statusCode !== 200) return "";
  let size = 0;
  const chunks: Buffer[] = [];
  try {
    const body: Readable = response.headers["content-encoding"] === "gzip" ? response.pipe(createGunzip()) : response;
    response.on("error", (error) => body.destroy(error));
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      chunks.push(chunk);
      if (size >= bytesMax) break;
    }
  } catch {
    // A page cut by the timeout may have shown enough already.
  }
  return Buffer.concat(chunks).toString("utf8", 0, bytesMax);
}

/**
 * Asks every well-known port once. An address is reported for the first scraper that recognises it; the order is
 * that of `specs` and their ports.
 */
export async function discoverExporters(
  specs: readonly ExporterFingerprint[],
  options: DiscoverOptions = {},
): Promise<readonly DiscoveredTarget[]> {
  const { host = "127.0.0.1", timeoutMs = TIMEOUT_MS_DEFAULT, bodyBytesMax = BODY_BYTES_DEFAULT } = options;
  const agent = new Agent({ keepAlive: false });
  const probes = probesOf(specs, host);
  const found = new Map<string, ExporterFingerprint>();
  const waiting = [...probes];
  const worker = async (): Promise<void> => {
    for (let probe = waiting.shift(); probe !== undefined; probe = waiting.shift()) {
      if (options.signal?.aborted === true) return;
      const deadline = AbortSignal.timeout(timeoutMs);
      const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
      const names = metricNames(await fetchStart(probe.url, agent, bodyBytesMax, signal));
      const owner = probe.specs.find((spec) => recognises(spec, names));
      if (owner !== undefined) found.set(probe.url, owner);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, worker));
  agent.destroy();
  return probes.flatMap(({ url }) => {
    const spec = found.get(url);
    return spec === undefined ? [] : [{ scraper: spec.name, url, doc: spec.doc }];
  });
}
