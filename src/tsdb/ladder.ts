/**
 * Which tiers a store has, by the number their chunks carry. The ladder is stored, so that a changed configuration never
 * reads buckets of one width as another, and a copy opened without the configuration reads what is there. A tier that
 * is configured no more keeps its number and its chunks until their own retention is over, and grows no further.
 */
import { UserError } from "../base/errors.ts";
import type { ByteLevel } from "../base/leveldb.ts";
import { DamagedError } from "./bytes.ts";
import type { Damage } from "./damage.ts";
import type { Head } from "./head.ts";
import { LADDER_KEY } from "./keys.ts";
import { TIERS, type Tier } from "./options.ts";
import { openRecord, sealRecord } from "./segment.ts";

/** A tier's number and plane share a byte: 5 bits are left for the number. */
const RUNGS_MAX = 31;

/** Number = place in the ladder + 1. */
export interface Rung extends Tier {
  /** Configured: it grows, and queries prefer it. */
  readonly active: boolean;
}

function readLadder(record: Uint8Array): Rung[] | undefined {
  const rungs: unknown = JSON.parse(new TextDecoder().decode(openRecord(LADDER_KEY, record)));
  const sound = (one: Partial<Rung> | null): boolean =>
    Number.isSafeInteger(one?.resolutionMs) && Number.isSafeInteger(one?.retentionMs);
  return Array.isArray(rungs) && rungs.length <= RUNGS_MAX && rungs.every(sound) ? (rungs as Rung[]) : undefined;
}

async function storedLadder(db: ByteLevel, damage: Damage): Promise<Rung[]> {
  const record = await db.get(LADDER_KEY);
  const usual = TIERS.map((tier) => ({ ...tier, active: true }));
  if (record === undefined) return usual;
  try {
    const rungs = readLadder(record);
    if (rungs !== undefined) return rungs;
  } catch (error) {
    if (!(error instanceof DamagedError) && !(error instanceof SyntaxError)) throw error;
  }
  damage.add("the record of the tiers", "checksum does not fit; the default tiers are assumed");
  return usual;
}

function holdsChunks(head: Head, number: number): boolean {
  for (const group of head.groups.values()) if (group.chunks.some(({ tier }) => tier >> 3 === number)) return true;
  return false;
}

/** Puts what is configured on the stored ladder. @throws UserError `too-many-tiers`. */
function fit(stored: readonly Rung[], configured: readonly Tier[], head: Head): Rung[] {
  const rungs = stored.map((rung) => ({ ...rung, active: false }));
  for (const { resolutionMs, retentionMs } of configured) {
    const same = rungs.findIndex((rung) => rung.resolutionMs === resolutionMs);
    const free = same >= 0 ? same : rungs.findIndex((rung, i) => !rung.active && !holdsChunks(head, i + 1));
    rungs[free < 0 ? rungs.length : free] = { resolutionMs, retentionMs, active: true };
  }
  if (rungs.length <= RUNGS_MAX) return rungs;
  throw new UserError("too-many-tiers", `the store would have ${rungs.length} tiers, ${RUNGS_MAX} is the most`, {
    hint: "tiers that are configured no more count until their samples are past their retention",
  });
}

/**
 * The ladder in force, stored when it is news.
 *
 * @param configured undefined: as stored.
 */
export async function loadLadder(
  db: ByteLevel,
  head: Head,
  damage: Damage,
  configured: readonly Tier[] | undefined,
): Promise<readonly Rung[]> {
  const stored = await storedLadder(db, damage);
  if (configured === undefined) return stored;
  const rungs = fit(stored, configured, head);
  const text = JSON.stringify(rungs);
  if (text !== JSON.stringify(stored))
    await db.put(LADDER_KEY, sealRecord(LADDER_KEY, new TextEncoder().encode(text)), { sync: true });
  return rungs;
}
