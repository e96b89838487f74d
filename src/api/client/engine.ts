/** A Source over an opsmon engine: the Prometheus API plus batches, journal, status and control. */
import { request as httpRequest } from "node:http";
import type { JournalKind, JournalRecord } from "../../journal/record.ts";
import type { Alert } from "../../model/alert.ts";
import type { Timestamp } from "../../model/sample.ts";
import type { QueryStats } from "../../promql/value.ts";
import {
  alertFromWire,
  ruleFromWire,
  targetFromWire,
  type WireAlert,
  type WireRule,
  type WireTarget,
} from "../codec.ts";
import { secondsText } from "../seconds.ts";
import { EXIT, type ExitCode, UserError } from "../../base/errors.ts";
import { checkSocketPath } from "../../base/socket-path.ts";
import type { BackupStep, CardinalityReport, ImportAnswer } from "../services.ts";
import type {
  BatchAnswer,
  BatchQuery,
  Capabilities,
  Command,
  CommandResult,
  DiscoveredTarget,
  EngineStatus,
  Explainer,
  Explanation,
  QueryOptions,
  RuleStatus,
  SilenceStatus,
  TargetStatus,
} from "../source.ts";
import { decodeValue } from "./decode.ts";
import { type Endpoint, requestOptions, streamLines } from "./http.ts";
import { PrometheusSource } from "./prometheus.ts";

const BASE = "/api/opsmon/v1";

/** An engine that accepts a connection and says nothing is stopped or stuck, ms. */
const ATTACH_MS_MAX = 15_000;

type WireAnswer = { readonly id: string } & (
  | { ok: true; data: unknown; warnings: string[]; infos: string[]; stats: QueryStats }
  | { ok: false; error: string }
);

export class EngineSource extends PrometheusSource implements Explainer {
  #attachment: Disposable | undefined;

  override async capabilities(): Promise<Capabilities> {
    return { kind: "engine", place: this.place, targets: true, rules: true, journal: true, control: true };
  }

  override async batch(queries: readonly BatchQuery[], options: QueryOptions = {}): Promise<readonly BatchAnswer[]> {
    const { data } = await this.ask({
      method: "POST",
      path: `${BASE}/batch`,
      body: JSON.stringify({ queries }),
      contentType: "application/json",
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      signal: options.signal,
    });
    return (data as readonly WireAnswer[]).map((one) => {
      if (!one.ok) return one;
      const { id, warnings, infos, stats } = one;
      return { id, ok: true, result: { value: decodeValue(one.data, this.place), warnings, infos, stats } };
    });
  }

  override async alerts(at: Timestamp | "now"): Promise<readonly Alert[]> {
    const { data } = await this.get(`${BASE}/alerts`, at === "now" ? [] : [["at", secondsText(at)]]);
    return (data as readonly WireAlert[]).map(alertFromWire);
  }

  override async rules(): Promise<readonly RuleStatus[]> {
    return ((await this.get(`${BASE}/rules`)).data as readonly WireRule[]).map(ruleFromWire);
  }

  override async targets(): Promise<readonly TargetStatus[]> {
    return ((await this.get(`${BASE}/targets`)).data as readonly WireTarget[]).map(targetFromWire);
  }

  override async discovered(): Promise<readonly DiscoveredTarget[]> {
    return (await this.get(`${BASE}/discovered`)).data as readonly DiscoveredTarget[];
  }

  async silences(): Promise<readonly SilenceStatus[]> {
    return (await this.get(`${BASE}/silences`)).data as readonly SilenceStatus[];
  }

  override async journal(
    kinds: readonly JournalKind[],
    start: Timestamp,
    end: Timestamp,
    limit = 1_000,
  ): Promise<readonly JournalRecord[]> {
    const window = [
      ["start", secondsText(start)],
      ["end", secondsText(end)],
      ["limit", String(limit)],
    ] as const;
    const { data } = await this.get(`${BASE}/journal`, [...kinds.map((kind) => ["kind", kind] as const), ...window]);
    return data as readonly JournalRecord[];
  }

  override async status(): Promise<EngineStatus> {
    return (await this.get(`${BASE}/status`)).data as EngineStatus;
  }

  async cardinality(limit: number): Promise<CardinalityReport> {
    return (await this.get(`${BASE}/cardinality`, [["limit", String(limit)]])).data as CardinalityReport;
  }

  /** Copies the engine's data into a directory of its machine. @throws UserError as the engine says. */
  async backup(target: string, onStep: (step: BackupStep) => void): Promise<BackupStep> {
    const path = `${BASE}/backup?target=${encodeURIComponent(target)}`;
    for await (const line of streamLines(this.endpoint, path)) {
      const step = JSON.parse(line) as BackupStep | { error: string; code: string; hint?: string; exit: ExitCode };
      if ("error" in step) {
        const { code, error, hint, exit } = step;
        throw new UserError(code, error, { hint, exit });
      }
      onStep(step);
      if (step.done) return step;
    }
    throw new UserError("backup-failed", "the engine broke off the backup", {
      hint: `what is in "${target}" is incomplete: remove it before the next try`,
      exit: EXIT.unreachable,
    });
  }

  async importText(text: string): Promise<ImportAnswer> {
    return this.#import(text, "application/openmetrics-text");
  }

  /** @param message a remote write request, compressed. */
  async importSeries(message: Uint8Array): Promise<ImportAnswer> {
    return this.#import(message, "application/x-protobuf");
  }

  async #import(body: string | Uint8Array, contentType: string): Promise<ImportAnswer> {
    const { data } = await this.ask({ method: "POST", path: `${BASE}/import`, body, contentType });
    return data as ImportAnswer;
  }

  async explain(expr: string, start: Timestamp, end: Timestamp, stepMs: number): Promise<Explanation> {
    const window = [
      ["start", secondsText(start)],
      ["end", secondsText(end)],
      ["step", secondsText(stepMs)],
    ] as const;
    return (await this.get(`${BASE}/explain`, [["query", expr], ...window])).data as Explanation;
  }

  override async command(command: Command): Promise<CommandResult> {
    const { data } = await this.ask({
      method: "POST",
      path: `${BASE}/command`,
      body: JSON.stringify(command),
      contentType: "application/json",
    });
    return data as CommandResult;
  }

  /**
   * Tells the engine that a screen is open; an embedded engine lives until its last one goes. The held connection is
   * the sign, so a killed screen needs no goodbye; that it breaks is the sign that the engine has ended.
   */
  attach(onLost: () => void = () => undefined): Promise<void> {
    this.#attachment?.[Symbol.dispose]();
    return new Promise((resolve, reject) => {
      const request = httpRequest(requestOptions(this.endpoint, { method: "GET", path: `${BASE}/attach` }));
      // also while it is unanswered: whoever leaves meanwhile must not be kept by the connection
      this.#attachment = { [Symbol.dispose]: () => request.destroy() };
      const silent = setTimeout(() => request.destroy(silence(this.place)), ATTACH_MS_MAX);
      request.once("close", () => clearTimeout(silent));
      request.once("error", reject);
      request.once("response", (response) => {
        clearTimeout(silent);
        response.resume();
        response.on("error", () => undefined);
        response.once("close", onLost);
        resolve();
      });
      request.end();
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#attachment?.[Symbol.dispose]();
  }
}

function silence(place: string): UserError {
  return new UserError("timeout", `no answer from ${place} within ${ATTACH_MS_MAX / 1_000} s`, {
    hint: "the engine may be stopped or overloaded: look at its log",
    exit: EXIT.unreachable,
  });
}

/** @throws UserError `socket-path` when no socket can have that path. */
export function engineSource(socketPath: string): EngineSource {
  checkSocketPath(socketPath);
  const endpoint: Endpoint = { kind: "socket", path: socketPath };
  return new EngineSource(endpoint);
}
