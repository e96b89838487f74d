/**
 * A notifier on a bench: real state, real journal, real HTTP to the strict fake, a clock moved by hand. `tick` does
 * what a rule tick does; `run` moves time in small steps and lets HTTP finish in each.
 */
import { type ManualClock, manualClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { loadAlertmanagerConfig } from "../../src/config/alertmanager.ts";
import { openJournal, type Journal } from "../../src/journal/journal.ts";
import type { DeliveryRecord } from "../../src/journal/record.ts";
import type { Alert, AlertState } from "../../src/model/alert.ts";
import { Labels } from "../../src/model/labels.ts";
import type { NotifyConfig } from "../../src/model/routing.ts";
import { type Notifier, type NotifierOptions, createNotifier } from "../../src/notify/notifier.ts";
import type { StateOp, StateStore } from "../../src/state/state.ts";
import { type FakeTelegram, startFakeTelegram } from "./fake-telegram.ts";

export const START: number = Date.UTC(2026, 10, 20, 9, 0, 0);
export const CHAT = -1001;

export interface AlertInput {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly state?: AlertState;
  readonly value?: number;
  readonly firedAt?: number;
  readonly resolvedAt?: number;
}

export function alert(input: AlertInput, at: number): Alert {
  const state = input.state ?? "firing";
  const firedAt = input.firedAt ?? (state === "firing" || state === "inactive" ? at : undefined);
  return {
    labels: Labels.from(input.labels),
    annotations: Labels.from(input.annotations ?? {}),
    state,
    value: input.value ?? 1,
    activeAt: firedAt ?? at,
    firedAt,
    resolvedAt: state === "inactive" ? (input.resolvedAt ?? at) : undefined,
    lastEvalAt: at,
    rule: { group: "g", file: "rules.yml", name: input.labels["alertname"] ?? "", expr: "up == 0" },
    generatorUrl: "",
  };
}

/** The alertmanager.yml of most tests; `fake` and `hook` are filled in. */
export function configText(fake: FakeTelegram, route: string = "", more: string = ""): string {
  return `
route:
  receiver: ops
  group_by: [alertname]
  group_wait: 1s
  group_interval: 10s
  repeat_interval: 4h
${route}
receivers:
- name: ops
  telegram_configs:
  - api_url: ${fake.url}
    bot_token: ${fake.token}
    chat_id: ${CHAT}
    opsmon_allowed_users: [7]
${more}
`;
}

export function configOf(text: string): NotifyConfig {
  const loaded = loadAlertmanagerConfig(text, "/etc/alertmanager.yml");
  const errors = loaded.problems.filter((problem) => problem.severity === "error");
  if (loaded.config === undefined || errors.length > 0) throw new Error(JSON.stringify(errors));
  return loaded.config;
}

export interface Bench {
  readonly clock: ManualClock;
  readonly fake: FakeTelegram;
  readonly state: StateStore;
  readonly journal: Journal;
  readonly notifier: Notifier;
  /** As a rule tick does: accept, commit, tell. */
  tick(...alerts: readonly Alert[]): Promise<void>;
  run(ms: number, stepMs?: number): Promise<void>;
  deliveries(): Promise<readonly DeliveryRecord[]>;
}

export interface BenchOptions {
  readonly fake: FakeTelegram;
  readonly clock: ManualClock;
  readonly state: StateStore;
  readonly config: NotifyConfig;
  readonly options?: Partial<NotifierOptions>;
}

export async function startBench({ fake, clock, state, config, options }: BenchOptions): Promise<Bench> {
  const journal = openJournal(state, clock);
  let ids = 0;
  const notifier = createNotifier({
    config,
    state,
    journal,
    clock,
    log: silentLogger,
    random: () => 0.5,
    newId: () => `silence-${++ids}`,
    ...options,
  });
  await notifier.start();
  return {
    clock,
    fake,
    state,
    journal,
    notifier,
    async tick(...alerts) {
      const ops = notifier.accept(alerts, clock.now());
      if (ops.length > 0) await state.batch(ops);
      notifier.committed();
    },
    async run(ms, stepMs = 1_000) {
      for (let left = ms; left > 0; left -= stepMs) {
        await clock.advance(Math.min(left, stepMs));
        await quiet(fake);
      }
    },
    async deliveries() {
      return (await journal.scan(["delivery"], 0, Number.MAX_SAFE_INTEGER, 100_000)) as readonly DeliveryRecord[];
    },
  };
}

/** Real time until no request arrived for a few looks: HTTP on loopback takes about a millisecond. */
async function quiet(fake: FakeTelegram): Promise<void> {
  let calm = 0;
  let seen = -1;
  while (calm < 2) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const { started, finished } = fake.traffic();
    calm = started === seen && started === finished ? calm + 1 : 0;
    seen = started;
  }
}

export async function freshBench(
  text: (fake: FakeTelegram) => string = configText,
  fakeOptions: Parameters<typeof startFakeTelegram>[0] = {},
): Promise<Bench> {
  const { memoryState } = await import("../../src/state/memory.ts");
  const clock = manualClock(START);
  const fake = await startFakeTelegram({ now: () => clock.now(), chats: [{ id: CHAT }], ...fakeOptions });
  return startBench({ fake, clock, state: memoryState(), config: configOf(text(fake)) });
}

/** A store that dies: after `batches` batches nothing more reaches the disk and nobody gets an answer. */
export function mortalState(
  inner: StateStore,
  batches: number,
  answerLast: boolean,
): StateStore & { readonly dead: boolean } {
  let count = 0;
  const never = new Promise<void>(() => undefined);
  return {
    get: (key) => inner.get(key),
    scan: (range) => inner.scan(range),
    damaged: () => inner.damaged(),
    close: () => inner.close(),
    get dead() {
      return count >= batches;
    },
    async batch(ops: readonly StateOp[]) {
      if (count >= batches) return never;
      count++;
      await inner.batch(ops);
      return count === batches && !answerLast ? never : undefined;
    },
  };
}
