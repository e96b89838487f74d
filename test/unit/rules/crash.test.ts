/**
 * Kill -9 between any two transitions: the process dies before or after the batch of any tick, a new one opens the
 * same state and goes on. Property: from then on every alert is exactly what it would be had nobody died.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createEngine } from "../../../src/promql/engine.ts";
import { memoryState } from "../../../src/state/memory.ts";
import type { StateStore } from "../../../src/state/state.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { ruleRoom, T0 } from "../../support/rule-room.ts";

/** A state store whose process dies at its n-th batch: `before` it is written, or just `after`. */
function dying(inner: StateStore, batch: number, when: "before" | "after"): StateStore {
  let count = 0;
  let dead = false;
  const alive = <T>(value: T): T => {
    if (dead) throw new Error("killed");
    return value;
  };
  return {
    get: (key) => alive(inner).get(key),
    scan: (range) => alive(inner).scan(range),
    damaged: () => inner.damaged(),
    close: () => Promise.resolve(),
    async batch(ops) {
      alive(inner);
      dead = ++count === batch;
      if (dead && when === "before") throw new Error("killed");
      await inner.batch(ops);
      if (dead) throw new Error("killed");
    },
  };
}

type Moment = "true" | "false" | "gone" | "error";

interface Story {
  readonly moments: readonly Moment[];
  readonly forMinutes: number;
  readonly keepMinutes: number;
}

const rulesOf = ({ forMinutes, keepMinutes }: Story): string =>
  `groups: [{name: g, rules: [{alert: A, expr: m > 0, for: ${forMinutes}m, keep_firing_for: ${keepMinutes}m}]}]`;

/** Runs the story; `skip` leaves one tick out, `kill` dies at it. Returns all alerts, resolved ones too, and the journal. */
async function live(
  story: Story,
  options: { readonly skip?: number; readonly kill?: { readonly tick: number; readonly when: "before" | "after" } },
): Promise<{ readonly alerts: unknown; readonly chain: readonly string[] }> {
  const store = memoryStore();
  const durable = memoryState();
  let broken = false;
  const open = async (state: StateStore, startSeconds: number): ReturnType<typeof ruleRoom> => {
    const room = await ruleRoom({
      rules: rulesOf(story),
      store,
      state,
      startSeconds,
      manager: {
        engine: {
          instant: (expr, at) => {
            if (broken && expr !== "up") return Promise.reject(new Error("engine down"));
            return createEngine({ queryable: store, clock: room.clock }).instant(expr, at);
          },
        },
      },
    });
    await room.manager.start();
    return room;
  };
  // The first batch is that of the rule version, so tick n is batch n + 2.
  const { kill, skip } = options;
  let room = await open(kill === undefined ? durable : dying(durable, kill.tick + 2, kill.when), 0);
  for (const [n, moment] of story.moments.entries()) {
    const seconds = n * 60;
    broken = moment === "error";
    await room.put(seconds, {
      up: 1,
      ...(moment === "true" && { m: 1 }),
      ...(moment === "false" && { m: 0 }),
      ...(moment === "gone" && { m: "stale" as const }),
    });
    if (n !== skip) await room.tick(seconds);
    if (n === kill?.tick) room = await open(durable, seconds);
  }
  // One more evaluation on data that says nothing new: what it finds is what was remembered.
  broken = false;
  await room.put(story.moments.length * 60, { up: 1 });
  await room.tick(story.moments.length * 60);
  const records = await room.journal.scan(["transition"], 0, Number.MAX_SAFE_INTEGER);
  return {
    alerts: JSON.parse(JSON.stringify(room.told.at(-1))),
    chain: records.map((record) => (record.kind === "transition" ? `${record.from}>${record.to}` : "")),
  };
}

const story: fc.Arbitrary<Story> = fc.record({
  moments: fc.array(fc.constantFrom<Moment>("true", "true", "true", "false", "gone", "error"), {
    minLength: 1,
    maxLength: 8,
  }),
  forMinutes: fc.constantFrom(0, 1, 2, 4),
  keepMinutes: fc.constantFrom(0, 2),
});

test("a kill at any tick, before or after its batch, changes nothing that follows", async () => {
  await fc.assert(
    fc.asyncProperty(story, fc.nat(7), fc.constantFrom("before" as const, "after" as const), async (told, n, when) => {
      const tick = n % told.moments.length;
      const killed = await live(told, { kill: { tick, when } });
      // A tick that died before its batch is a tick that never was.
      const whole = await live(told, when === "before" ? { skip: tick } : {});
      expect(killed).toEqual(whole);
    }),
    { numRuns: 100 },
  );
}, 60_000);

test("the journal is a chain: every transition starts where the one before it ended", async () => {
  await fc.assert(
    fc.asyncProperty(story, fc.nat(7), async (told, n) => {
      const { chain } = await live(told, { kill: { tick: n % told.moments.length, when: "after" } });
      let state = "inactive";
      for (const step of chain) {
        const [from, to] = step.split(">");
        expect(from).toBe(state);
        state = to as string;
      }
    }),
    { numRuns: 50 },
  );
}, 60_000);

test("while the disk refuses writes, alerts go on in memory and everything is written once it takes them", async () => {
  const durable = memoryState();
  let full = false;
  const room = await ruleRoom({
    rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0, for: 2m}]}]",
    state: { ...durable, batch: (ops) => (full ? Promise.reject(new Error("ENOSPC")) : durable.batch(ops)) },
  });
  await room.manager.start();
  full = true;
  for (const seconds of [0, 60, 120]) {
    await room.put(seconds, { m: 1 });
    await room.tick(seconds);
  }
  expect(room.active()).toEqual(["A{} firing"]);
  full = false;
  await room.put(180, { m: 1 });
  await room.tick(180);
  expect((await room.transitions()).map((each) => each.split(" ")[0])).toEqual(["inactive>pending", "pending>firing"]);
  const again = await ruleRoom({
    rules: "groups: [{name: g, rules: [{alert: A, expr: m > 0, for: 2m}]}]",
    state: durable,
    store: room.store,
    startSeconds: 200,
  });
  await again.manager.start();
  expect(again.manager.alerts()[0]).toMatchObject({ state: "firing", activeAt: T0, firedAt: T0 + 120_000 });
});
