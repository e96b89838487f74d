/**
 * The book of silences and acknowledgements: made, changed, ended, prolonged and forgotten, each change on disk before
 * the groups it concerns get their turn.
 */
import type { Clock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import type { Change, Memory } from "./memory.ts";
import type { Silence, SilenceInput, SilenceState } from "./notifier.ts";
import type { SilenceRecord } from "./records.ts";
import { ACK_MS, checkSilence, describeAlerts, prolonged, silenceMatches, silenceState } from "./silence.ts";

/** Expired silences are kept so long for questions, as Alertmanager's `data.retention` default says. */
const SILENCE_RETENTION_MS = 120 * 3_600_000;
/** Installations with more than a few hundred are unheard of; each alert is asked of every one. */
const SILENCES_MAX = 10_000;
/** After this an acknowledged alert that still fires is told again: somebody may have gone home. */
const ACK_TOTAL_MS = 24 * 3_600_000;

export interface SilenceBookOptions {
  readonly memory: Memory;
  readonly clock: Clock;
  readonly newId: () => string;
  /** A silence over these alerts changed. */
  readonly onChange: (covers: (fingerprint: string) => boolean) => void;
}

export class SilenceBook {
  readonly #memory: Memory;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #onChange: SilenceBookOptions["onChange"];

  constructor(options: SilenceBookOptions) {
    this.#memory = options.memory;
    this.#clock = options.clock;
    this.#newId = options.newId;
    this.#onChange = options.onChange;
  }

  /** Newest first. */
  list(): readonly (Silence & { readonly state: SilenceState })[] {
    const now = this.#clock.now();
    return [...this.#memory.silence.values()]
      .map((silence) => ({ ...silence, state: silenceState(silence, now) }))
      .sort((a, b) => b.updatedAt - a.updatedAt);
  }

  /** @throws UserError `bad-silence`, `silence-limit`, `no-such-silence`. */
  async put(input: SilenceInput): Promise<Silence> {
    const now = this.#clock.now();
    checkSilence(input, now);
    const old = input.id === undefined || input.id === "" ? undefined : this.#memory.silence.get(input.id);
    if (input.id !== undefined && input.id !== "" && old === undefined) throw noSuchSilence(input.id);
    if (old === undefined) this.#room();
    const change = this.#memory.change();
    // As in Alertmanager: other matchers, or a past that was in force, make a new silence; the old one ends.
    const same = old !== undefined && JSON.stringify(old.matchers) === JSON.stringify(input.matchers);
    const inPlace =
      same && silenceState(old, now) !== "expired" && (old.startsAt >= now || old.startsAt === input.startsAt);
    if (old !== undefined && !inPlace && silenceState(old, now) !== "expired") {
      change.put("silence", old.id, { ...old, endsAt: now, updatedAt: now });
    }
    const { matchers, endsAt, createdBy, comment } = input;
    const startsAt = inPlace ? input.startsAt : Math.max(input.startsAt, now);
    const record: SilenceRecord = {
      id: inPlace ? old.id : this.#newId(),
      matchers,
      startsAt,
      endsAt,
      createdBy,
      comment,
      updatedAt: now,
      ack: undefined,
    };
    return this.#save(record, change);
  }

  /** @throws UserError `no-such-silence`. */
  async expire(id: string): Promise<void> {
    const now = this.#clock.now();
    const silence = this.#memory.silence.get(id);
    if (silence === undefined) throw noSuchSilence(id);
    if (silenceState(silence, now) === "expired") return;
    const startsAt = Math.min(silence.startsAt, now);
    await this.#save({ ...silence, startsAt, endsAt: now, updatedAt: now }, this.#memory.change());
  }

  /** @throws UserError `no-such-alert`, `silence-limit`. */
  async acknowledge(fingerprints: readonly string[], author: string, comment: string): Promise<Silence> {
    const alerts = fingerprints.flatMap((id) => this.#memory.alert.get(id) ?? []).filter((a) => a.status === "firing");
    if (alerts.length === 0) {
      throw new UserError("no-such-alert", `no firing alert has the fingerprint "${fingerprints.join(", ")}"`, {
        hint: "opsmon alerts lists what fires",
      });
    }
    this.#room();
    const now = this.#clock.now();
    const record: SilenceRecord = {
      id: this.#newId(),
      matchers: describeAlerts(alerts),
      startsAt: now,
      endsAt: now + ACK_MS,
      updatedAt: now,
      createdBy: author,
      comment: comment === "" ? "acknowledged" : comment,
      ack: { fingerprints: alerts.map((alert) => alert.fingerprint), until: now + ACK_TOTAL_MS },
    };
    return this.#save(record, this.#memory.change());
  }

  async #save(record: SilenceRecord, change: Change): Promise<Silence> {
    change.put("silence", record.id, record);
    await change.save();
    const covers = (id: string): boolean => {
      const alert = this.#memory.alert.get(id);
      return record.ack?.fingerprints.includes(id) ?? (alert !== undefined && silenceMatches(record, alert.labels));
    };
    this.#onChange(covers);
    return record;
  }

  #room(): void {
    if (this.#memory.silence.size < SILENCES_MAX) return;
    throw new UserError("silence-limit", `${SILENCES_MAX} silences exist already`, { hint: "expire some first" });
  }

  /** Prolongs acknowledgements of what still fires and forgets what ended long ago. */
  upkeep(): void {
    const now = this.#clock.now();
    const change = this.#memory.change();
    for (const silence of this.#memory.silence.values()) {
      const longer = prolonged(silence, this.#memory.alert, now);
      if (longer !== undefined) change.put("silence", silence.id, longer);
      else if (now - silence.endsAt > SILENCE_RETENTION_MS) change.del("silence", silence.id);
    }
    void change.save();
  }
}

function noSuchSilence(id: string): UserError {
  return new UserError("no-such-silence", `there is no silence "${id}"`, { hint: "opsmon silence query lists them" });
}
