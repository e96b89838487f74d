/**
 * The notifier's working set: every record of the state store as typed maps, and one way to change it. A change is
 * made in memory at once and handed to the writer, so memory and disk see the same order.
 */
import type { Logger } from "../base/log.ts";
import type { JournalRecord } from "../journal/record.ts";
import type { StateOp, StateStore } from "../state/state.ts";
import type { DeliveryJournal } from "./notifier.ts";
import {
  PREFIX,
  PREFIX_END,
  type RecordKind,
  type RecordShapes,
  delOp,
  parseKey,
  putOp,
  recordKey,
} from "./records.ts";
import type { Writer } from "./writer.ts";

type Tables = { readonly [K in RecordKind]: Map<string, RecordShapes[K]> };

/** Changes that belong together; nothing is on disk before `save`. */
export interface Change {
  put<K extends RecordKind>(kind: K, id: string, value: RecordShapes[K]): void;
  del(kind: RecordKind, id: string): void;
  journal(record: JournalRecord): void;
  /** Resolves true when the whole change is on disk; false when the disk refused. */
  save(): Promise<boolean>;
}

export interface Memory extends Tables {
  /** Tell records of stand-ins; nearly always empty. */
  readonly standIns: ReadonlySet<string>;
  change(): Change;
  /** Reads everything back. */
  load(state: StateStore, log: Logger): Promise<void>;
}

export function createMemory(writer: Writer, journal: DeliveryJournal): Memory {
  const tables: Tables = {
    alert: new Map(),
    tell: new Map(),
    out: new Map(),
    body: new Map(),
    channel: new Map(),
    digest: new Map(),
    silence: new Map(),
  };
  const standIns = new Set<string>();
  const track = (kind: string, id: string): void => {
    if (kind !== "tell") return;
    const tell = tables.tell.get(id);
    if (tell !== undefined && tell.insteadOf !== "") standIns.add(id);
    else standIns.delete(id);
  };
  return {
    ...tables,
    standIns,
    change() {
      // The last word on a record counts; it becomes text once, at the end: a storm touches one digest 1,000 times.
      const ops = new Map<string, () => StateOp>();
      const records: JournalRecord[] = [];
      return {
        put(kind, id, value) {
          (tables[kind] as Map<string, typeof value>).set(id, value);
          track(kind, id);
          ops.set(recordKey(kind, id), () => putOp(kind, id, value));
        },
        del(kind, id) {
          if (tables[kind].delete(id)) ops.set(recordKey(kind, id), () => delOp(kind, id));
          track(kind, id);
        },
        journal(record) {
          records.push(record);
        },
        save: () =>
          writer.save([...[...ops.values()].map((op) => op()), ...(records.length === 0 ? [] : journal.ops(records))]),
      };
    },
    async load(state, log) {
      for await (const [key, value] of state.scan({ gte: PREFIX, lt: PREFIX_END })) {
        const place = parseKey(key);
        if (place === undefined || !Object.hasOwn(tables, place.kind)) {
          log.warn("unknown notifier record left alone", { key });
          continue;
        }
        try {
          (tables[place.kind as RecordKind] as Map<string, unknown>).set(place.id, JSON.parse(value));
          track(place.kind, place.id);
        } catch {
          log.error("a notifier record is not JSON and was passed over", { key });
        }
      }
    },
  };
}
