/**
 * The promise: a kill between any two writes loses nothing, keeps the order, and leaves a duplicate only where a
 * message was under way, marked. A kill is a store that stops: nothing later reaches the disk, nobody gets an answer.
 */
import { describe, expect, it } from "vitest";
import { type ManualClock, manualClock } from "../../../src/base/clock.ts";
import type { Alert } from "../../../src/model/alert.ts";
import { memoryState } from "../../../src/state/memory.ts";
import type { StateOp, StateStore } from "../../../src/state/state.ts";
import { type FakeTelegram, startFakeTelegram } from "../../support/fake-telegram.ts";
import { type Bench, CHAT, START, alert, configOf, configText, mortalState, startBench } from "../../support/notify.ts";

/** What the rules say at each moment: two groups fire, one more instance joins, all resolve. */
function truthAt(at: number): readonly Alert[] {
  const seconds = (at - START) / 1_000;
  const of = (name: string, instance: string, from: number, to: number): Alert[] => {
    if (seconds < from) return [];
    const labels = { alertname: name, severity: "critical", instance };
    const firedAt = START + from * 1_000;
    return [
      seconds < to
        ? alert({ labels, firedAt }, at)
        : alert({ labels, state: "inactive", firedAt, resolvedAt: START + to * 1_000 }, at),
    ];
  };
  return [...of("ApiDown", "a", 0, 60), ...of("DbDown", "d", 3, 45), ...of("ApiDown", "b", 20, 70)];
}

const TICK_MS = 5_000;
const END_MS = 100_000;

interface World {
  readonly clock: ManualClock;
  readonly fake: FakeTelegram;
  readonly disk: StateStore;
  readonly interval: string;
}

async function live(world: World, state: StateStore, dead: () => boolean): Promise<Bench> {
  const text = configText(world.fake).replace("group_interval: 10s", `group_interval: ${world.interval}`);
  const bench = await startBench({ ...world, state, config: configOf(text) });
  while (world.clock.now() < START + END_MS && !dead()) {
    const at = world.clock.now();
    // A tick whose batch dies with the process never returns; the process is gone.
    const ticked = tick(bench, world.disk, state, at).then(() => true);
    if (!(await Promise.race([ticked, lost(dead)]))) break;
    await bench.run(TICK_MS, 2_500);
  }
  return bench;
}

/**
 * A rule tick that mentions each change once: what it said is marked in the same batch, as the rules' own states are.
 * So the notifier has no second chance to hear of a resolve.
 */
async function tick(bench: Bench, disk: StateStore, state: StateStore, at: number): Promise<void> {
  const news: Alert[] = [];
  const marks: StateOp[] = [];
  for (const one of truthAt(at)) {
    const key = `rules/${one.labels.toString()}`;
    if ((await disk.get(key)) === one.state) continue;
    news.push(one);
    marks.push({ kind: "put", key, value: one.state });
  }
  if (news.length === 0) return;
  await state.batch([...bench.notifier.accept(news, at), ...marks]);
  bench.notifier.committed();
}

/** Resolves false a moment after the store has died. */
async function lost(dead: () => boolean): Promise<boolean> {
  for (let look = 0; look < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (dead()) look++;
    else look = 0;
  }
  return false;
}

/** @returns the number of batches of an undisturbed run. */
async function countBatches(interval: string): Promise<number> {
  const clock = manualClock(START);
  const fake = await startFakeTelegram({ now: () => clock.now(), chats: [{ id: CHAT }] });
  const disk = memoryState();
  let batches = 0;
  const counting: StateStore = { ...disk, scan: (r) => disk.scan(r), batch: (ops) => (batches++, disk.batch(ops)) };
  const bench = await live({ clock, fake, disk, interval }, counting, () => false);
  expect(fake.messages(CHAT)).toHaveLength(2);
  await bench.notifier.close();
  await fake.close();
  return batches;
}

async function killAfter(
  interval: string,
  batches: number,
  answerLast: boolean,
): Promise<{ duplicates: number; unmarked: number; lost: string[] }> {
  const clock = manualClock(START);
  const fake = await startFakeTelegram({ now: () => clock.now(), chats: [{ id: CHAT }] });
  const disk = memoryState();
  const mortal = mortalState(disk, batches, answerLast);
  const world = { clock, fake, disk, interval };
  await live(world, mortal, () => mortal.dead);
  // The dead process holds no disk; its timers may fire but nothing of it reaches a file again.
  const again = await live(world, disk, () => false);
  await again.run(20_000, 5_000);
  const messages = fake.messages(CHAT);
  const lost: string[] = [];
  for (const name of ["ApiDown", "DbDown"]) {
    const own = messages.filter((message) => message.text.includes(name));
    if (own.at(-1)?.text.startsWith("✅ RESOLVED") !== true)
      lost.push(`${name}: ${own.map((m) => m.text.split("\n")[0]).join(" / ")}`);
  }
  // A duplicate is a copy that nobody edits any more: its successor must say that it may be a repeat.
  const orphans = messages.filter((message) => !message.text.startsWith("✅ RESOLVED"));
  const marked = messages.filter((message) =>
    [message.text, ...message.earlier].some((text) => text.includes("(repeat?)")),
  );
  await again.notifier.close();
  await fake.close();
  return { duplicates: orphans.length, unmarked: Math.max(0, orphans.length - marked.length), lost };
}

describe("a kill between any two writes", () => {
  it.each(["10s", "3s"])(
    "loses nothing; duplicates are few and marked (group_interval %s)",
    async (interval) => {
      const batches = await countBatches(interval);
      // Both sides of every write: with both intervals this is about a hundred kills.
      expect(batches).toBeGreaterThan(20);
      let duplicates = 0;
      for (let point = 1; point <= batches; point++) {
        for (const answerLast of [false, true]) {
          const result = await killAfter(interval, point, answerLast);
          expect({ point, answerLast, ...result }).toMatchObject({ lost: [], unmarked: 0 });
          expect(result.duplicates).toBeLessThanOrEqual(1);
          duplicates += result.duplicates;
        }
      }
      // Only a kill while a new message is under way can double it; the run sends two new messages.
      expect(duplicates).toBeLessThanOrEqual(4);
    },
    240_000,
  );
});
