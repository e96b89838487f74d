/**
 * One channel's sender: takes the next version from the outbox, waits for pace and pauses, asks the receiver once,
 * and puts what came of it on disk. Never two requests at a time in one channel, so order holds.
 */
import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { DIGEST_EDIT_MS, digestNotification, digestOf } from "./digest.ts";
import { forward } from "./forward.ts";
import type { Memory } from "./memory.ts";
import { type Connected, type Outbox, PRIORITY } from "./outbox.ts";
import { paceDelay } from "./pace.ts";
import type { Delivery, DeliveryOutcome, Notification } from "./receiver.ts";
import { type ChannelRecord, type OutRecord, type TellRecord, tellId } from "./records.ts";
import { type Settled, settle } from "./settle.ts";

/** A version that failed so often lets others of its channel go first: one poisoned message must not block a chat. */
const STUBBORN_ATTEMPTS = 5;
/** A lane that waits looks at its queue again at least so often, for versions that need a stand-in. */
const LOOK_MS = 60_000;
/** A channel that is paused or failing for so long hands what waits to a stand-in as well. */
const STAND_IN_AFTER_MS = 300_000;

export interface LaneOptions {
  readonly channel: string;
  readonly memory: Memory;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly externalUrl: string;
  readonly connected: (receiver: string, index: number) => Connected | undefined;
  /** Who may stand in for a version, given who refused it already. */
  readonly standIn: (tried: readonly string[]) => Connected | undefined;
  /** Short id for buttons of a group at an integration. */
  readonly button: (tell: string) => string;
  /** Another channel got work. */
  readonly wake: (channel: string) => void;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #timer: Disposable | undefined;
  #again = false;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Looks at the queue now; call after what was enqueued is on disk. */
  kick(): void {
    if (this.#closed) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#options.log.error("a delivery lane failed", { channel: this.#options.channel, error: errorText(error) });
        this.#sleep(LOOK_MS);
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#again) {
          this.#again = false;
          this.kick();
        }
      });
  }

  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Ends after the request in flight, which is aborted after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#again = false;
    this.#timer?.[Symbol.dispose]();
    const timer = this.#options.clock.after(graceMs, () => this.#abort.abort());
    await this.#running;
    timer[Symbol.dispose]();
    this.#abort.abort();
  }

  #sleep(ms: number): void {
    if (this.#closed) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#options.clock.after(ms, () => this.kick());
  }

  async #run(): Promise<void> {
    const { outbox, channel, clock } = this.#options;
    while (!this.#closed) {
      const storm = outbox.foldStorm(channel);
      if (storm !== undefined) await storm.save();
      const at = clock.now();
      const waiting = outbox.waiting(channel);
      if (waiting.length === 0) return;
      const record = this.#channelRecord(at);
      if (record.pausedUntil > at) {
        await this.#standIns(waiting, record.pausedUntil, record.lastError);
        this.#sleep(Math.min(LOOK_MS, record.pausedUntil - at));
        return;
      }
      const entry = pick(waiting, at);
      if (entry === undefined) {
        this.#sleep(Math.min(LOOK_MS, ...waiting.map((one) => Math.max(1, one.notBefore - at))));
        return;
      }
      const connected = this.#options.connected(entry.receiver, entry.index);
      if (connected === undefined) return;
      const delay = paceDelay(connected.receiver.pace, record.sentAt, entry.priority <= PRIORITY.change, at);
      if (delay > 0) {
        this.#sleep(Math.min(LOOK_MS, delay));
        return;
      }
      await this.#attempt(entry, connected);
    }
  }

  /** After the wall clock was set back, a pause still lasts no longer than it was meant to. */
  #channelRecord(at: number): ChannelRecord {
    const { outbox, memory, channel } = this.#options;
    const record = outbox.channelRecord(channel);
    if (record.pausedUntil - at <= record.pauseMs) return record;
    const change = memory.change();
    const clamped = { ...record, pausedUntil: at + record.pauseMs };
    change.put("channel", channel, clamped);
    void change.save();
    return clamped;
  }

  async #attempt(entry: OutRecord, connected: Connected): Promise<void> {
    const { memory, outbox, clock, log } = this.#options;
    const tellKey = tellId(entry.groupKey, entry.receiver, entry.index);
    const tell = memory.tell.get(tellKey);
    const body = this.#body(entry);
    const fresh = outbox.isFresh(entry);
    const sending: OutRecord = { ...entry, state: "sending", attempt: entry.attempt + 1 };
    const before = memory.change();
    if (body === undefined) {
      outbox.remove(before, entry);
      await before.save();
      return;
    }
    outbox.update(before, sending);
    await before.save();
    if (this.#closed) {
      const undo = memory.change();
      outbox.update(undo, entry);
      await undo.save();
      return;
    }
    const delivery = this.#delivery(sending, body, tell, fresh, tellKey);
    const outcome = await this.#deliver(connected, delivery);
    const settled: Settled = settle({
      memory,
      outbox,
      entry: sending,
      body,
      fresh,
      connected,
      outcome,
      at: clock.now(),
      random: this.#options.random(),
      standIn: this.#options.standIn,
    });
    this.#report(connected, sending, outcome, log);
    await settled.change.save();
    if (settled.woken !== undefined) this.#options.wake(settled.woken);
  }

  #body(entry: OutRecord): Notification | undefined {
    const id = digestOf(entry.groupKey);
    if (id === undefined) return this.#options.memory.body.get(entry.intent);
    const digest = this.#options.memory.digest.get(id);
    return digest === undefined ? undefined : digestNotification(digest, this.#options.externalUrl);
  }

  #delivery(
    entry: OutRecord,
    notification: Notification,
    tell: TellRecord | undefined,
    fresh: boolean,
    tellKey: string,
  ): Delivery {
    const delivered = tell?.delivered?.externalId;
    const running = tell?.delivered?.status !== "resolved";
    return {
      intent: entry.intent,
      attempt: entry.attempt,
      notification,
      edit: fresh ? undefined : delivered,
      replaces: fresh && running ? delivered : undefined,
      maybeRepeat: fresh && entry.maybeRepeat,
      button:
        notification.status === "resolved" || notification.digest !== undefined ? "" : this.#options.button(tellKey),
      at: this.#options.clock.now(),
    };
  }

  async #deliver(connected: Connected, delivery: Delivery): Promise<DeliveryOutcome> {
    const { memory } = this.#options.outbox.channelRecord(this.#options.channel);
    try {
      return await connected.receiver.deliver(delivery, memory, this.#abort.signal);
    } catch (error) {
      return { kind: "dead", reason: `bug in the ${connected.receiver.integration} receiver: ${errorText(error)}` };
    }
  }

  #report(connected: Connected, entry: OutRecord, outcome: DeliveryOutcome, log: Logger): void {
    const fields = { receiver: connected.name, integration: connected.receiver.integration, attempt: entry.attempt };
    for (const warning of outcome.warnings ?? []) log.warn(warning, fields);
    if (outcome.kind === "retry")
      log.warn("a message was not delivered; it is tried again", { ...fields, reason: outcome.reason });
    if (outcome.kind === "dead") log.error("a message cannot be delivered", { ...fields, reason: outcome.reason });
  }

  /** While a channel is silent for minutes, others are told in its stead. */
  async #standIns(waiting: readonly OutRecord[], pausedUntil: number, why: string): Promise<void> {
    const { memory, outbox, clock } = this.#options;
    const at = clock.now();
    const late = waiting.filter((entry) => {
      const waits = at - entry.createdAt >= STAND_IN_AFTER_MS || pausedUntil - at > STAND_IN_AFTER_MS;
      return waits && !entry.forwarded && digestOf(entry.groupKey) === undefined;
    });
    if (late.length === 0) return;
    const change = memory.change();
    const woken = new Set<string>();
    for (const entry of late) {
      const body = memory.body.get(entry.intent);
      const next = this.#options.standIn([...entry.tried, `${entry.receiver}/${entry.index}`]);
      outbox.update(change, { ...entry, forwarded: true });
      if (body === undefined || next === undefined) continue;
      forward(memory, outbox, { change, entry, body, to: next, why });
      woken.add(next.receiver.channel);
    }
    await change.save();
    for (const channel of woken) this.#options.wake(channel);
  }
}

/** The next version: most urgent first, then oldest; stubborn ones behind the others. */
function pick(waiting: readonly OutRecord[], at: number): OutRecord | undefined {
  let best: OutRecord | undefined;
  const rank = (entry: OutRecord): number => entry.priority + (entry.attempt >= STUBBORN_ATTEMPTS ? 10 : 0);
  for (const entry of waiting) {
    if (entry.state === "sending") continue;
    // Only digest edits wait by themselves; a longer wait than theirs is a wall clock that was set back.
    if (entry.notBefore > at && entry.notBefore - at <= DIGEST_EDIT_MS) continue;
    if (best === undefined || rank(entry) < rank(best) || (rank(entry) === rank(best) && entry.seq < best.seq)) {
      best = entry;
    }
  }
  return best;
}
