/**
 * A Source over the plain Prometheus API: any compatible server can be asked (`--url`), and our own engine's client
 * extends it. What such a server cannot know (journal, control) is said through capabilities.
 */
import { EXIT, UserError, errorText } from "../../base/errors.ts";
import type { JournalKind, JournalRecord } from "../../journal/record.ts";
import type { Alert } from "../../model/alert.ts";
import { Labels } from "../../model/labels.ts";
import type { Metadata, MetricType } from "../../model/metadata.ts";
import type { Timestamp } from "../../model/sample.ts";
import type { QueryResult } from "../../promql/value.ts";
import { secondsText } from "../seconds.ts";
import type {
  BatchAnswer,
  BatchQuery,
  Capabilities,
  Command,
  CommandResult,
  DiscoveredTarget,
  EngineStatus,
  QueryOptions,
  RuleStatus,
  Source,
  TargetStatus,
} from "../source.ts";
import { decodeValue, type Envelope, openEnvelope } from "./decode.ts";
import { type Endpoint, type Exchange, exchange, placeOf } from "./http.ts";
import {
  foreignAlert,
  foreignRules,
  foreignTarget,
  type PrometheusAlert,
  type PrometheusRuleGroup,
  type PrometheusTarget,
} from "./foreign.ts";

/** Queries of a batch under way at once against a server that has no batch endpoint. */
const BATCH_PARALLEL = 6;

export class PrometheusSource implements Source {
  protected readonly endpoint: Endpoint;
  protected readonly place: string;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.place = placeOf(endpoint);
  }

  protected async ask(what: Exchange): Promise<Envelope> {
    return openEnvelope(await exchange(this.endpoint, what), this.place);
  }

  protected post(path: string, form: Readonly<Record<string, string>>, options: QueryOptions = {}): Promise<Envelope> {
    return this.ask({
      method: "POST",
      path,
      body: new URLSearchParams(form).toString(),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      signal: options.signal,
    });
  }

  protected get(path: string, parameters: readonly (readonly [string, string])[] = []): Promise<Envelope> {
    const query = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value])).toString();
    return this.ask({ method: "GET", path: query === "" ? path : `${path}?${query}` });
  }

  async capabilities(): Promise<Capabilities> {
    return { kind: "foreign", place: this.place, targets: true, rules: true, journal: false, control: false };
  }

  async query(expr: string, at: Timestamp, options: QueryOptions = {}): Promise<QueryResult> {
    return this.#result(
      await this.post("/api/v1/query", { query: expr, time: secondsText(at), ...wishes(options) }, options),
    );
  }

  async queryRange(
    expr: string,
    start: Timestamp,
    end: Timestamp,
    stepMs: number,
    options: QueryOptions = {},
  ): Promise<QueryResult> {
    const form = {
      query: expr,
      start: secondsText(start),
      end: secondsText(end),
      step: secondsText(stepMs),
      ...wishes(options),
    };
    return this.#result(await this.post("/api/v1/query_range", form, options));
  }

  #result({ data, warnings, infos }: Envelope): QueryResult {
    const stats = { seriesRead: 0, samplesRead: 0, elapsedMs: 0, resolutionMs: 0 };
    return { value: decodeValue(data, this.place), warnings, infos, stats };
  }

  async batch(queries: readonly BatchQuery[], options: QueryOptions = {}): Promise<readonly BatchAnswer[]> {
    const answers: BatchAnswer[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < queries.length) {
        const index = next++;
        answers[index] = await this.#one(queries[index] as BatchQuery, options);
      }
    };
    await Promise.all(Array.from({ length: Math.min(BATCH_PARALLEL, queries.length) }, worker));
    return answers;
  }

  async #one({ id, expr, start, end, stepMs }: BatchQuery, options: QueryOptions): Promise<BatchAnswer> {
    try {
      const result =
        stepMs > 0 ? await this.queryRange(expr, start, end, stepMs, options) : await this.query(expr, end, options);
      return { id, ok: true, result };
    } catch (error) {
      // The server refusing one expression is that panel's news; not reaching it at all is everybody's.
      if (error instanceof UserError && error.code === "unreachable") throw error;
      return { id, ok: false, error: errorText(error) };
    }
  }

  async labelNames(match: readonly string[]): Promise<readonly string[]> {
    return (await this.get("/api/v1/labels", selectors(match))).data as readonly string[];
  }

  async labelValues(name: string, match: readonly string[]): Promise<readonly string[]> {
    return (await this.get(`/api/v1/label/${encodeURIComponent(name)}/values`, selectors(match)))
      .data as readonly string[];
  }

  async series(match: readonly string[], start: Timestamp, end: Timestamp): Promise<readonly Labels[]> {
    const window = [
      ["start", secondsText(start)],
      ["end", secondsText(end)],
    ] as const;
    const { data } = await this.get("/api/v1/series", [...selectors(match), ...window]);
    return (data as readonly Record<string, string>[]).map((one) => Labels.from(one));
  }

  async metadata(metric?: string): Promise<ReadonlyMap<string, readonly Metadata[]>> {
    const { data } = await this.get("/api/v1/metadata", metric === undefined ? [] : [["metric", metric]]);
    const all = data as Record<string, readonly { type: string; help: string; unit: string }[]>;
    return new Map(
      Object.entries(all).map(([name, list]) => [name, list.map((one) => ({ ...one, type: one.type as MetricType }))]),
    );
  }

  /** A compressed remote read request and its compressed answer: raw samples. */
  async remoteRead(request: Uint8Array): Promise<Uint8Array> {
    const path = "/api/v1/read";
    const answer = await exchange(this.endpoint, {
      method: "POST",
      path,
      body: request,
      contentType: "application/x-protobuf",
    });
    if (answer.status === 200) return answer.body;
    const why = answer.body.toString("utf8").trim().slice(0, 200);
    throw new UserError("bad-answer", `${this.place} does not answer remote read: ${answer.status} ${why}`, {
      exit: EXIT.unreachable,
    });
  }

  async alerts(_at: Timestamp | "now"): Promise<readonly Alert[]> {
    const { data } = await this.get("/api/v1/alerts");
    return ((data as { alerts?: readonly PrometheusAlert[] }).alerts ?? []).map(foreignAlert);
  }

  async rules(): Promise<readonly RuleStatus[]> {
    const { data } = await this.get("/api/v1/rules");
    return foreignRules((data as { groups?: readonly PrometheusRuleGroup[] }).groups ?? []);
  }

  async targets(): Promise<readonly TargetStatus[]> {
    const { data } = await this.get("/api/v1/targets", [["state", "active"]]);
    return ((data as { activeTargets?: readonly PrometheusTarget[] }).activeTargets ?? []).map(foreignTarget);
  }

  async discovered(): Promise<readonly DiscoveredTarget[]> {
    return [];
  }

  async journal(
    _kinds: readonly JournalKind[],
    _start: Timestamp,
    _end: Timestamp,
    _limit?: number,
  ): Promise<readonly JournalRecord[]> {
    return [];
  }

  /** The configuration in force as YAML, secrets masked. */
  async configText(): Promise<string> {
    return ((await this.get("/api/v1/status/config")).data as { yaml: string }).yaml;
  }

  async status(): Promise<EngineStatus> {
    const { data } = await this.get("/api/v1/status/buildinfo");
    const version = (data as { version?: unknown } | null)?.version;
    return {
      version: typeof version === "string" ? version : "unknown",
      pid: 0,
      startedAt: 0,
      dataDir: "",
      configFile: "",
      embedded: false,
      items: [],
    };
  }

  async command(command: Command): Promise<CommandResult> {
    throw new UserError("not-supported", `${this.place} is not an opsmon engine: it cannot take "${command.kind}"`, {
      hint: "leave out --url to talk to the engine on this machine",
      exit: EXIT.usage,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function selectors(match: readonly string[]): readonly (readonly [string, string])[] {
  return match.map((text) => ["match[]", text] as const);
}

function wishes(options: QueryOptions): Record<string, string> {
  return {
    ...(options.timeoutMs === undefined ? {} : { timeout: secondsText(options.timeoutMs) }),
    ...(options.lookbackMs === undefined ? {} : { lookback_delta: secondsText(options.lookbackMs) }),
    ...(options.limit === undefined ? {} : { limit: String(options.limit) }),
  };
}
