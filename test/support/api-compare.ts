/** What is different between two servers' answers to one request; an empty list is what a test wants. */
import http from "node:http";
import { gunzipSync } from "node:zlib";
import type { ApiRequest } from "./api-requests.ts";

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

export function send(base: string, request: ApiRequest): Promise<Reply> {
  const headers: Record<string, string> = { ...request.headers };
  if (request.form !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
  const body = request.form ?? request.body;
  return new Promise((resolve, reject) => {
    const exchange = http.request(
      `${base}${request.target}`,
      { method: request.method ?? "GET", headers },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const text = (response.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString("utf8");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      },
    );
    exchange.setTimeout(20_000, () => exchange.destroy(new Error(`no answer to ${request.target}`)));
    exchange.on("error", reject);
    exchange.end(body);
  });
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Fields whose values are of the moment or of the machine; their types must agree all the same. */
const VOLATILE: ReadonlySet<string> = new Set([
  "lastScrape",
  "lastScrapeDuration",
  "lastError",
  "evaluationTime",
  "lastEvaluation",
  "activeAt",
  "serverTime",
  "startTime",
  "lastConfigTime",
  "CWD",
  "groupNextToken",
]);

function steady(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(steady);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, one]) => [key, VOLATILE.has(key) ? typeof one : steady(one)]);
  return Object.fromEntries(entries) as Json;
}

/** Groups, alerts and targets come in no promised order. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) {
    const all = (value as readonly Json[]).map(sorted).map((one) => [JSON.stringify(one), one] as const);
    return all.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  }
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)])) as Json;
}

/** Samples of a vector come in no promised order unless the expression sorts them. */
function ordered(request: ApiRequest, value: Json): Json {
  if (!request.target.startsWith("/api/v1/query") || /sort|topk|limit=/.test(request.target)) return value;
  const result = (value as { readonly data?: { readonly result?: Json[] } }).data?.result;
  if (Array.isArray(result)) result.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return value;
}

function kind(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}

/** Keys and types; a list is one element that has every key any of its elements has. */
function shapes(value: Json, at: string, into: Set<string>): void {
  into.add(`${at}: ${kind(value)}`);
  if (Array.isArray(value)) for (const one of value as readonly Json[]) shapes(one, `${at}[]`, into);
  else if (value !== null && typeof value === "object") {
    for (const [key, one] of Object.entries(value)) shapes(one, `${at}.${key}`, into);
  }
}

function shapeDifference(theirs: Json, ours: Json): readonly string[] {
  const [a, b] = [new Set<string>(), new Set<string>()];
  shapes(theirs, "", a);
  shapes(ours, "", b);
  return [
    ...[...a].filter((one) => !b.has(one)).map((one) => `missing ${one}`),
    ...[...b].filter((one) => !a.has(one)).map((one) => `extra ${one}`),
  ];
}

function valueDifference(theirs: Json, ours: Json, at = ""): readonly string[] {
  if (JSON.stringify(theirs) === JSON.stringify(ours)) return [];
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    if (theirs.length !== ours.length)
      return [`${at}: ${theirs.length} against ${ours.length} elements: ${short(theirs)} against ${short(ours)}`];
    return theirs.flatMap((one: Json, i) => valueDifference(one, ours[i] as Json, `${at}[${i}]`));
  }
  if (kind(theirs) === "object" && kind(ours) === "object") {
    const [a, b] = [theirs, ours] as readonly { readonly [key: string]: Json }[];
    return [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])].flatMap((key) => {
      const [x, y] = [a?.[key], b?.[key]];
      if (x === undefined) return [`${at}.${key}: extra ${short(y as Json)}`];
      if (y === undefined) return [`${at}.${key}: missing ${short(x)}`];
      return valueDifference(x, y, `${at}.${key}`);
    });
  }
  return [`${at}: ${short(theirs)} against ${short(ours)}`];
}

function short(value: Json): string {
  return JSON.stringify(value)?.slice(0, 160) ?? "undefined";
}

function json(reply: Reply): Json | undefined {
  try {
    return JSON.parse(reply.text) as Json;
  } catch {
    return undefined;
  }
}

export const HEADERS: readonly string[] = [
  "access-control-allow-origin",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-expose-headers",
  "content-type",
];

export function differences(request: ApiRequest, theirs: Reply, ours: Reply): readonly string[] {
  if (theirs.status !== ours.status) {
    return [
      `status ${theirs.status} against ${ours.status}: ${theirs.text.slice(0, 200)} against ${ours.text.slice(0, 200)}`,
    ];
  }
  const headers = HEADERS.filter(
    (name) => request.method !== "HEAD" && theirs.headers[name] !== ours.headers[name],
  ).map((name) => `${name}: ${String(theirs.headers[name])} against ${String(ours.headers[name])}`);
  if (request.how === "status") return theirs.status === 204 || theirs.status === 200 ? headers : [];
  if (request.how === "text") return [...headers, ...textDifference(theirs.text, ours.text)];
  const [a, b] = [json(theirs), json(ours)];
  if (a === undefined || b === undefined)
    return theirs.text === ours.text
      ? headers
      : [`not JSON: ${theirs.text.slice(0, 200)} against ${ours.text.slice(0, 200)}`];
  if (request.how === "same") return [...headers, ...valueDifference(ordered(request, a), ordered(request, b))];
  if (request.how === "steady") return [...headers, ...valueDifference(sorted(steady(a)), sorted(steady(b)))];
  if (request.how === "shape") return [...headers, ...shapeDifference(a, b)];
  const [x, y] = [a, b] as readonly { readonly [key: string]: Json }[];
  return x?.["errorType"] === y?.["errorType"] && x?.["status"] === y?.["status"]
    ? headers
    : [`${theirs.text.slice(0, 200)} against ${ours.text.slice(0, 200)}`];
}

/** Exposition text without its values and times; which port is the smaller one is left to chance. */
function textDifference(theirs: string, ours: string): readonly string[] {
  const lines = (text: string): readonly string[] =>
    text
      .split("\n")
      .map((line) => (line.startsWith("#") ? line : line.replace(/ \S+ \d+$/, "")))
      .sort();
  const [a, b] = [lines(theirs), lines(ours)];
  return a.join("\n") === b.join("\n") ? [] : [`${theirs.slice(0, 600)}\nagainst\n${ours.slice(0, 600)}`];
}
