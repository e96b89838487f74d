/**
 * The silencing stage and the silences themselves. An acknowledgement is a silence too: made for the alerts a person
 * saw, prolonged while one of them fires, gone soon after.
 */
import { UserError } from "../base/errors.ts";
import { type Matcher, createMatcher } from "../model/matcher.ts";
import { printMatcher } from "../model/matcher-text.ts";
import type { Timestamp } from "../model/sample.ts";
import type { LabelMap } from "./group.ts";
import type { SilenceInput, SilenceState } from "./notifier.ts";
import type { AlertRecord, SilenceRecord } from "./records.ts";
import { lookup, matchesAll } from "./route.ts";

/** An acknowledgement lives so long without a firing alert; half of it is the pace of prolonging. */
export const ACK_MS: number = 15 * 60_000;
const MATCHERS_MAX = 64;
/** Distinct values of one label that still become an alternation; more would be no description. */
const ALTERNATIVES_MAX = 50;

export function silenceState(silence: SilenceRecord, at: Timestamp): SilenceState {
  if (at >= silence.endsAt) return "expired";
  return at < silence.startsAt ? "pending" : "active";
}

const compiled = new WeakMap<SilenceRecord, readonly Matcher[]>();

export function silenceMatches(silence: SilenceRecord, labels: LabelMap): boolean {
  let matchers = compiled.get(silence);
  if (matchers === undefined) {
    matchers = silence.matchers.map((m) => createMatcher(m.name, m.op, m.value));
    compiled.set(silence, matchers);
  }
  return matchesAll(matchers, lookup(labels));
}

/** The active silences over these labels, acknowledgements first. */
export function silencesOver(
  silences: Iterable<SilenceRecord>,
  labels: LabelMap,
  fingerprint: string,
  at: Timestamp,
): readonly SilenceRecord[] {
  const found: SilenceRecord[] = [];
  for (const silence of silences) {
    if (silenceState(silence, at) !== "active") continue;
    const covers = silence.ack?.fingerprints.includes(fingerprint) ?? silenceMatches(silence, labels);
    if (covers) found.push(silence);
  }
  return found.sort((a, b) => Number(b.ack !== undefined) - Number(a.ack !== undefined));
}

/** @throws UserError `bad-silence`, `bad-regexp`. */
export function checkSilence(input: SilenceInput, at: Timestamp): void {
  const refuse = (message: string, hint: string): never => {
    throw new UserError("bad-silence", message, { hint });
  };
  if (input.matchers.length === 0 || input.matchers.length > MATCHERS_MAX) {
    refuse(`a silence has ${input.matchers.length} matchers`, `give 1 to ${MATCHERS_MAX}, e.g. alertname="DiskFull"`);
  }
  const matchers = input.matchers.map((m) => createMatcher(m.name, m.op, m.value));
  if (matchers.every((matcher) => matcher.matches(""))) {
    const text = matchers.map(printMatcher).join(", ");
    refuse(`${text} matches alerts without these labels`, "at least one matcher must need a value");
  }
  if (!Number.isSafeInteger(input.startsAt) || !Number.isSafeInteger(input.endsAt)) {
    refuse("a silence needs a start and an end", "give both times");
  }
  if (input.endsAt <= input.startsAt) refuse("the silence ends before it starts", "give a later end");
  if (input.endsAt <= at) refuse("the silence ends in the past", "give a later end");
  if (input.createdBy.trim() === "") refuse("the silence has no author", "say who creates it");
  if (input.comment.trim() === "") refuse("the silence has no comment", "say why");
}

/** Matchers that describe exactly these alerts' labels: `=` where they agree, an alternation where they differ. */
export function describeAlerts(alerts: readonly AlertRecord[]): SilenceRecord["matchers"] {
  const names = new Set(alerts.flatMap((alert) => Object.keys(alert.labels)));
  const out: { name: string; op: "=" | "=~"; value: string }[] = [];
  for (const name of [...names].sort()) {
    const values = [...new Set(alerts.map((alert) => lookup(alert.labels)(name)))].sort();
    if (values.length === 1) out.push({ name, op: "=", value: values[0] as string });
    else if (values.length <= ALTERNATIVES_MAX) {
      out.push({ name, op: "=~", value: values.map(escapeRegexp).join("|") });
    }
  }
  return out.slice(0, MATCHERS_MAX);
}

function escapeRegexp(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

/** The acknowledgement prolonged, where something it covers still fires and its time runs out; else undefined. */
export function prolonged(
  silence: SilenceRecord,
  alerts: ReadonlyMap<string, AlertRecord>,
  at: Timestamp,
): SilenceRecord | undefined {
  if (silence.ack === undefined || silenceState(silence, at) !== "active") return undefined;
  if (silence.endsAt - at > ACK_MS / 2) return undefined;
  if (!silence.ack.fingerprints.some((id) => alerts.get(id)?.status === "firing")) return undefined;
  const endsAt = Math.min(at + ACK_MS, silence.ack.until);
  return endsAt > silence.endsAt ? { ...silence, endsAt, updatedAt: at } : undefined;
}
