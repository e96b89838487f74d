/**
 * The order of rolling up: windows that became old enough, windows that late samples or an import reached, and counters
 * to be raised behind those. A round stops when its time is used up, so that scrapes go on beside a year of catching up.
 */
import type { Timestamp } from "../model/sample.ts";
import type { ChunkMeta, Group } from "./group.ts";
import type { Rung } from "./ladder.ts";
import { type TsdbOptions } from "./options.ts";
import { deleteRaise, loadRaises, type Raise, type Raises } from "./raise.ts";
import {
  awaitsTier,
  nextWindowEnd,
  raiseWindow,
  type Room,
  rollAgain,
  type TierPlace,
  windowsBehind,
} from "./reroll.ts";
import { hastyWindow, nextWindow, ROLL_DELAY_MS, rollWindow } from "./roller.ts";
import type { Sealer } from "./sealer.ts";
import { type RollWindow, unsealedIn, windowMs } from "./window.ts";

/** Steps of a round whatever they take, and how long a round goes on with more: a fifth of a core at most. */
const STEPS_MIN = 4;
const ROUND_MS = 200;

/** What is known of a group without looking through its chunks again. */
interface Known {
  /** The group's next ordinal when it was looked at: a new chunk changes it. */
  ordinal: number;
  /** By tier: ends of windows to be rolled again, oldest first. */
  readonly behind: Map<number, Timestamp[]>;
  /** By tier: windows within a raw chunk that hold no sample, with the chunk number up to which that is known. */
  readonly empties: Map<number, Map<Timestamp, number>>;
}

export class Rollups {
  readonly #room: Room;
  readonly #ladder: readonly Rung[];
  readonly #options: TsdbOptions;
  readonly #sealer: Sealer;
  readonly #known = new WeakMap<Group, Known>();
  #raises: Map<string, Raises> | undefined;

  constructor(room: Room, ladder: readonly Rung[], options: TsdbOptions, sealer: Sealer) {
    this.#room = room;
    this.#ladder = ladder;
    this.#options = options;
    this.#sealer = sealer;
  }

  #knownOf(group: Group): Known {
    let known = this.#known.get(group);
    if (known === undefined) this.#known.set(group, (known = { ordinal: -1, behind: new Map(), empties: new Map() }));
    return known;
  }

  #place(group: Group, tier: number, rung: Rung): TierPlace {
    const { empties } = this.#knownOf(group);
    let own = empties.get(tier);
    if (own === undefined) empties.set(tier, (own = new Map()));
    return { group, tier, rung, empties: own };
  }

  #behind(place: TierPlace, now: Timestamp): Timestamp[] {
    const known = this.#knownOf(place.group);
    if (known.ordinal !== place.group.nextOrdinal) {
      known.behind.clear();
      known.ordinal = place.group.nextOrdinal;
    }
    let list = known.behind.get(place.tier);
    if (list === undefined) known.behind.set(place.tier, (list = windowsBehind(place, now - place.rung.retentionMs)));
    return list;
  }

  /** Whether a raw chunk must stay because a tier that would still hold it has not taken it in. */
  awaits(group: Group, chunk: ChunkMeta, now: Timestamp): boolean {
    return this.#ladder.some(
      (rung, i) => rung.active && awaitsTier(this.#place(group, i + 1, rung), chunk, now - rung.retentionMs),
    );
  }

  /**
   * Rolls up what a raw chunk waits for, as far as its buckets are complete, because its space is needed now.
   *
   * @returns whether it still waits. @throws what the database throws when it cannot be written.
   */
  async hasten(group: Group, chunk: ChunkMeta, now: Timestamp): Promise<boolean> {
    for (const [i, rung] of this.#ladder.entries()) {
      if (!rung.active) continue;
      const place = this.#place(group, i + 1, rung);
      for (let before = Number.NaN; group.rolledEnd(place.tier) !== before; ) {
        before = group.rolledEnd(place.tier);
        const window = hastyWindow(group, place.tier, rung, now, chunk.end);
        if (window !== undefined) await this.#alone(group, () => this.#roll(place, window));
      }
      const key = `${group.id}/${place.tier}`;
      const width = windowMs(rung);
      const behind = this.#behind(place, now).filter((to) => to >= chunk.start && to - width < chunk.end);
      for (const to of behind) {
        if (unsealedIn(group, to - width + 1, to)) continue;
        await this.#alone(group, () => this.#again(place, key, to, this.#raises?.get(key)?.raise ?? []));
      }
    }
    return this.awaits(group, chunk, now);
  }

  /** One round. @throws what the database throws when it cannot be written. */
  async round(): Promise<void> {
    const { clock } = this.#options;
    this.#raises ??= await loadRaises(this.#room.db);
    const until = clock.monotonic() + ROUND_MS;
    let steps = 0;
    for (const group of this.#room.head.groups.values()) {
      for (const [i, rung] of this.#ladder.entries()) {
        if (!rung.active) continue;
        const place = this.#place(group, i + 1, rung);
        // Nearly always there is nothing to do, and then nothing is waited for.
        for (let work = this.#due(place); work !== undefined; work = this.#due(place)) {
          await this.#alone(group, work);
          if (++steps >= STEPS_MIN && clock.monotonic() >= until) return;
        }
      }
    }
  }

  /** What is rolled up here changes the next ordinal too, and brings no raw chunk to look at. */
  async #alone(group: Group, work: () => Promise<unknown>): Promise<void> {
    await this.#sealer.alone(async () => {
      const before = group.nextOrdinal;
      await work();
      const known = this.#knownOf(group);
      if (known.ordinal === before) known.ordinal = group.nextOrdinal;
    });
  }

  /** The next thing to do for a group's tier, if any. */
  #due(place: TierPlace): (() => Promise<unknown>) | undefined {
    const { clock, rollDelayMs = ROLL_DELAY_MS } = this.#options;
    const { group, tier, rung } = place;
    const now = clock.now();
    const key = `${group.id}/${tier}`;
    const pending = this.#raises?.size === 0 ? undefined : this.#raises?.get(key);
    if (pending !== undefined) return () => this.#goOn(place, key, pending, now);
    const width = windowMs(rung);
    const ready = (to: Timestamp): boolean => to + rollDelayMs <= now && !unsealedIn(group, to - width + 1, to);
    const again = this.#behind(place, now).find(ready);
    if (again !== undefined) return () => this.#again(place, key, again, []);
    const window = nextWindow(group, tier, rung, now, rollDelayMs);
    return window === undefined ? undefined : () => this.#roll(place, window);
  }

  async #roll({ group, tier, empties }: TierPlace, window: RollWindow): Promise<void> {
    const { db, head, reader } = this.#room;
    if ((await rollWindow(db, head, reader, window)).length > 0) return;
    // Between two samples of a chunk that lie far apart: the next window is looked for behind it.
    group.rolled[tier] = window.to;
    empties.set(window.to, head.nextSeq);
  }

  async #goOn(place: TierPlace, key: string, pending: Raises, now: Timestamp): Promise<void> {
    const to = nextWindowEnd(place, pending.to);
    if (to === undefined) {
      await this.#room.db.batch([deleteRaise(place.group, place.tier)], { sync: true });
      this.#raises?.delete(key);
    } else if (!pending.raise.every(({ plain }) => plain) || this.#behind(place, now).includes(to)) {
      await this.#again(place, key, to, pending.raise);
    } else {
      this.#leave(key, to, await raiseWindow(this.#room, place, to, pending.raise));
    }
  }

  async #again(place: TierPlace, key: string, to: Timestamp, raise: readonly Raise[]): Promise<void> {
    const next = await rollAgain(this.#room, place, to, raise);
    const list = this.#behind(place, this.#options.clock.now());
    const at = list.indexOf(to);
    if (at >= 0) list.splice(at, 1);
    if (next === undefined) place.empties.set(to, this.#room.head.nextSeq);
    this.#leave(key, to, next ?? raise);
  }

  #leave(key: string, to: Timestamp, raise: readonly Raise[]): void {
    if (raise.length > 0) this.#raises?.set(key, { to, raise });
    else this.#raises?.delete(key);
  }
}
