/** The notifier put together: records, desk, outbox, lanes, silences, buttons. Everything clever is in those. */
import { createHash, randomUUID } from "node:crypto";
import { assert } from "../base/assert.ts";
import { UserError, errorText } from "../base/errors.ts";
import type { Alert } from "../model/alert.ts";
import type { NotifyConfig } from "../model/routing.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateOp } from "../state/state.ts";
import { createButtons, type Buttons } from "./buttons.ts";
import { Desk } from "./desk.ts";
import { Lane } from "./lane.ts";
import { type Memory, createMemory } from "./memory.ts";
import type {
  AlertView,
  ChannelStatus,
  GroupView,
  Notifier,
  NotifierOptions,
  Silence,
  SilenceInput,
  SilenceState,
} from "./notifier.ts";
import { type Connected, type Outbox, createOutbox } from "./outbox.ts";
import type { Notification } from "./receiver.ts";
import { connectReceivers } from "./receivers.ts";
import { SilenceBook } from "./silence-book.ts";
import { alertView, testNotification } from "./view.ts";
import { type Writer, createWriter } from "./writer.ts";

/** Acknowledgements are prolonged and old silences forgotten at this pace. */
const UPKEEP_MS = 60_000;
/** A request in flight may take so long when the program stops. */
const CLOSE_GRACE_MS = 5_000;
const BUTTON_ID_LENGTH = 10;

export class NotifierService implements Notifier {
  readonly #options: NotifierOptions;
  readonly #writer: Writer;
  readonly #memory: Memory;
  readonly #outbox: Outbox;
  readonly #desk: Desk;
  readonly #silences: SilenceBook;
  readonly #lanes = new Map<string, Lane>();
  readonly #buttonIds = new Map<string, string>();
  #connected = new Map<string, readonly Connected[]>();
  #config: NotifyConfig;
  #buttons: Buttons | undefined;
  #upkeep: Disposable | undefined;
  #started = false;
  #closed = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#writer = createWriter(options.state, options.clock, options.log);
    this.#memory = createMemory(this.#writer, options.journal);
    const { clock, log, journal } = options;
    this.#outbox = createOutbox({
      memory: this.#memory,
      clock,
      log,
      connected: (name, index) => this.#find(name, index),
    });
    this.#desk = new Desk(options.config, {
      memory: this.#memory,
      outbox: this.#outbox,
      journal,
      clock,
      log,
      externalUrl: options.externalUrl ?? "",
      integrations: (name) => this.#connected.get(name) ?? [],
      onFlushed: () => this.#kickAll(),
    });
    this.#silences = new SilenceBook({
      memory: this.#memory,
      clock,
      newId: options.newId ?? (() => randomUUID()),
      onChange: (covers) => this.#desk.touch((group) => [...group.members].some(covers)),
    });
  }

  async start(): Promise<void> {
    assert(!this.#started, "a notifier is started once");
    await this.#memory.load(this.#options.state, this.#options.log);
    this.#started = true;
    this.#connect(this.#config);
    this.#outbox.restore();
    for (const id of this.#memory.tell.keys()) this.#button(id);
    this.#desk.rebuild(this.#config);
    this.#listen();
    this.#keepUp();
    this.#kickAll();
  }

  accept(alerts: readonly Alert[], at: Timestamp): readonly StateOp[] {
    assert(this.#started, "the notifier must be started before it accepts alerts");
    return this.#desk.accept(alerts, at);
  }

  committed(): void {
    this.#desk.committed();
  }

  async reload(config: NotifyConfig): Promise<void> {
    await this.#buttons?.close();
    const old = [...this.#connected.values()].flat();
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    await Promise.all(lanes.map((lane) => lane.close(CLOSE_GRACE_MS)));
    await Promise.all(old.map((one) => one.receiver.close()));
    this.#config = config;
    this.#connect(config);
    this.#outbox.restore();
    this.#desk.rebuild(config);
    this.#listen();
    this.#kickAll();
  }

  silences(): readonly (Silence & { readonly state: SilenceState })[] {
    return this.#silences.list();
  }

  silence(input: SilenceInput): Promise<Silence> {
    return this.#silences.put(input);
  }

  expireSilence(id: string): Promise<void> {
    return this.#silences.expire(id);
  }

  acknowledge(fingerprint: string, author: string, comment: string): Promise<Silence> {
    return this.#silences.acknowledge([fingerprint], author, comment);
  }

  alerts(): readonly AlertView[] {
    const context = this.#desk.context(this.#options.clock.now());
    return [...this.#memory.alert.values()].map((alert) =>
      alertView(alert, context, this.#desk.groupsOf(alert.fingerprint)),
    );
  }

  groups(): readonly GroupView[] {
    const context = this.#desk.context(this.#options.clock.now());
    return [...this.#desk.groups.values()].map((group) => ({
      groupKey: group.key,
      labels: group.labels,
      receiver: group.route.receiver,
      alerts: [...group.members].flatMap((id) => {
        const alert = this.#memory.alert.get(id);
        return alert === undefined ? [] : [alertView(alert, context, this.#desk.groupsOf(alert.fingerprint))];
      }),
    }));
  }

  channels(): readonly ChannelStatus[] {
    const now = this.#options.clock.now();
    return [...this.#connected.values()].flat().map(({ name, index, receiver }) => {
      const record = this.#outbox.channelRecord(receiver.channel);
      const waiting = this.#outbox
        .waiting(receiver.channel)
        .filter((one) => one.receiver === name && one.index === index);
      return {
        receiver: name,
        integration: receiver.integration,
        channel: receiver.channel,
        queued: waiting.length,
        oldestMs: Math.max(0, ...waiting.map((entry) => now - entry.createdAt)),
        pausedUntil: record.pausedUntil > now ? record.pausedUntil : undefined,
        lastError: record.lastError,
        buttons: this.#buttons?.state(receiver) ?? "none",
        warnings: [...record.warnings, ...(this.#buttons?.trouble(receiver) ?? [])],
      };
    });
  }

  async test(receiver: string): Promise<readonly { readonly integration: string; readonly outcome: string }[]> {
    const connected = this.#connected.get(receiver);
    if (connected === undefined) {
      throw new UserError("no-such-receiver", `there is no receiver "${receiver}"`, {
        hint: `receivers: ${[...this.#connected.keys()].join(", ")}`,
      });
    }
    const at = this.#options.clock.now();
    const notification: Notification = testNotification(receiver, this.#options.externalUrl ?? "", at);
    const outcomes: { integration: string; outcome: string }[] = [];
    for (const one of connected) {
      const delivery = { intent: `test-${at}`, attempt: 1, notification, edit: undefined, replaces: undefined };
      const { memory } = this.#outbox.channelRecord(one.receiver.channel);
      const outcome = await one.receiver
        .deliver({ ...delivery, maybeRepeat: false, button: "", at }, memory, AbortSignal.timeout(CLOSE_GRACE_MS * 2))
        .catch((error: unknown) => ({ kind: "dead" as const, reason: errorText(error) }));
      outcomes.push({
        integration: one.receiver.integration,
        outcome: outcome.kind === "sent" ? "sent" : `${outcome.kind}: ${outcome.reason}`,
      });
    }
    return outcomes;
  }

  idle(): boolean {
    const lanes = [...this.#lanes.values()].some((lane) => lane.busy);
    return !lanes && !this.#desk.busy && this.#memory.out.size === 0 && !this.#desk.dueBy(this.#options.clock.now());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#upkeep?.[Symbol.dispose]();
    await this.#buttons?.close();
    await this.#desk.close();
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close(CLOSE_GRACE_MS)));
    await this.#writer.close();
    await Promise.all([...this.#connected.values()].flat().map((one) => one.receiver.close()));
  }

  #connect(config: NotifyConfig): void {
    const { clock, picture, log } = this.#options;
    const connect = this.#options.connect ?? ((from, name) => connectReceivers(from, name, { clock, picture, log }));
    this.#connected = new Map(
      config.receivers.map(({ name }) => [
        name,
        connect(config, name).map((receiver, index): Connected => ({ name, index, receiver })),
      ]),
    );
  }

  #find(name: string, index: number): Connected | undefined {
    return this.#connected.get(name)?.[index];
  }

  /** The root's receiver first, then the others as the file has them. */
  #standIn(tried: readonly string[]): Connected | undefined {
    const root = this.#connected.get(this.#config.route.receiver) ?? [];
    const all = [...root, ...[...this.#connected.values()].flat()];
    const refused = new Set(tried.map((one) => this.#findTried(one)?.receiver.channel));
    return all.find(({ receiver }) => receiver.integration !== "unsupported" && !refused.has(receiver.channel));
  }

  #findTried(text: string): Connected | undefined {
    const slash = text.lastIndexOf("/");
    return this.#find(text.slice(0, slash), Number(text.slice(slash + 1)));
  }

  #button(tell: string): string {
    const id = createHash("sha256").update(tell).digest("base64url").slice(0, BUTTON_ID_LENGTH);
    this.#buttonIds.set(id, tell);
    return id;
  }

  #listen(): void {
    this.#buttons = createButtons({
      receivers: [...this.#connected.values()].flat().map((one) => one.receiver),
      log: this.#options.log,
      clock: this.#options.clock,
      shown: (button) => {
        const tell = this.#memory.tell.get(this.#buttonIds.get(button) ?? "");
        return (tell?.firing ?? [])
          .flatMap((id) => this.#memory.alert.get(id) ?? [])
          .filter((a) => a.status === "firing");
      },
      acknowledge: (alerts, author) =>
        this.#silences.acknowledge(
          alerts.map((a) => a.fingerprint),
          author,
          "from the chat",
        ),
      silence: (input) => this.silence(input),
    });
  }

  #kickAll(): void {
    if (this.#closed) return;
    for (const { receiver } of [...this.#connected.values()].flat()) {
      if (this.#outbox.waiting(receiver.channel).length > 0) this.#lane(receiver.channel).kick();
    }
  }

  #lane(channel: string): Lane {
    const known = this.#lanes.get(channel);
    if (known !== undefined) return known;
    const { clock, log, random = Math.random, externalUrl = "" } = this.#options;
    const lane = new Lane({
      channel,
      memory: this.#memory,
      outbox: this.#outbox,
      clock,
      log,
      random,
      externalUrl,
      connected: (name, index) => this.#find(name, index),
      standIn: (tried) => this.#standIn(tried),
      button: (tell) => this.#button(tell),
      wake: (other) => this.#lane(other).kick(),
    });
    this.#lanes.set(channel, lane);
    return lane;
  }

  #keepUp(): void {
    const { clock } = this.#options;
    this.#upkeep = clock.after(UPKEEP_MS, () => {
      this.#silences.upkeep();
      for (const [id, tell] of this.#buttonIds) if (!this.#memory.tell.has(tell)) this.#buttonIds.delete(id);
      this.#keepUp();
    });
  }
}
