/**
 * The journal's records: what happened, append-only, each with a schema of its own. They are written from the
 * first day because `why`, `history`, `review` and bundles cannot add them to old data.
 */
import type { AlertState } from "../model/alert.ts";
import type { Timestamp } from "../model/sample.ts";

/** Raised when a field changes meaning; readers keep accepting older numbers. */
export const JOURNAL_SCHEMA = 1;

interface RecordBase {
  /** When it happened, unix ms. */
  readonly at: Timestamp;
}

/** An alert moved from one state to another. */
export interface TransitionRecord extends RecordBase {
  readonly kind: "transition";
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly group: string;
  readonly rule: string;
  /** Points at the RuleVersionRecord in force. */
  readonly ruleVersion: string;
  readonly from: AlertState;
  readonly to: AlertState;
  /** NaN and infinities as text, since JSON has none. */
  readonly value: number | "NaN" | "+Inf" | "-Inf";
  readonly activeAt: Timestamp;
  readonly reason: string;
}

/** A rule's evaluation worth keeping: its first, one that failed, one that was late or missed. */
export interface EvaluationRecord extends RecordBase {
  readonly kind: "evaluation";
  readonly group: string;
  readonly rule: string;
  readonly ruleVersion: string;
  readonly durationMs: number;
  readonly series: number;
  readonly outcome: "ok" | "error" | "missed" | "nodata";
  readonly error?: string;
}

/** One attempt, or one decision not to attempt, to tell somebody. */
export interface DeliveryRecord extends RecordBase {
  readonly kind: "delivery";
  readonly intent: string;
  readonly receiver: string;
  readonly integration: string;
  readonly groupKey: string;
  readonly status: "firing" | "resolved" | "acknowledged";
  readonly fingerprints: readonly string[];
  readonly attempt: number;
  readonly outcome:
    | "sent"
    | "failed"
    | "retry"
    | "dead"
    | "silenced"
    | "inhibited"
    | "muted"
    | "grouped"
    | "superseded";
  readonly reason: string;
  /** The other side's name for what was sent (a Telegram message id). */
  readonly externalId?: string;
}

/** The text of a rule as it was when it came into force. */
export interface RuleVersionRecord extends RecordBase {
  readonly kind: "rule-version";
  /** Hash of the canonical rule text; the same rule has the same version on every machine. */
  readonly version: string;
  readonly file: string;
  readonly group: string;
  readonly rule: string;
  readonly source: string;
}

/** A moment somebody or something wanted remembered: a deploy, an incident's start. */
export interface MarkRecord extends RecordBase {
  readonly kind: "mark";
  readonly text: string;
  readonly author: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What the program itself did: started, stopped, reloaded, a gap in writing, a quarantine. */
export interface NoteRecord extends RecordBase {
  readonly kind: "note";
  readonly topic: string;
  readonly text: string;
}

export type JournalRecord =
  | TransitionRecord
  | EvaluationRecord
  | DeliveryRecord
  | RuleVersionRecord
  | MarkRecord
  | NoteRecord;
export type JournalKind = JournalRecord["kind"];
