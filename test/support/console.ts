/** A live console inside the test process: a fake terminal, a clock moved by hand and the fixed shop behind it. */
import { manualClock, type ManualClock } from "../../src/base/clock.ts";
import type { TopExit, TopOptions } from "../../src/ui/options.ts";
import { mountTop } from "../../src/ui/mount.tsx";
import { type FakeTty, fakeTty } from "./fake-tty.ts";
import { shopPanels } from "./fixed-shop.ts";
import { fixedSource, type FixedSource, type FixedSourceOptions, NOON } from "./fixed-source.ts";

export interface Mounted {
  readonly tty: FakeTty;
  readonly clock: ManualClock;
  readonly source: FixedSource;
  readonly exit: Promise<TopExit>;
  /** Sends keys and lets everything settle; no time passes on the clock. */
  readonly press: (keys: string) => Promise<void>;
  readonly settle: (ms?: number) => Promise<void>;
}

const open: Mounted[] = [];

/** Ends every console a test left open. */
export async function unmountAll(): Promise<void> {
  for (const mounted of open.splice(0)) {
    mounted.source.release();
    mounted.tty.process.emit("SIGTERM");
    await mounted.exit.catch(() => undefined);
  }
}

/** The console on a terminal of this size, a second after it started. */
export async function mount(
  width: number,
  height: number,
  more: Partial<TopOptions> & {
    readonly source?: FixedSource;
    readonly facts?: FixedSourceOptions;
    readonly clock?: ManualClock;
  } = {},
): Promise<Mounted> {
  const tty = fakeTty(width, height);
  const clock = more.clock ?? manualClock(NOON);
  const source = more.source ?? fixedSource({ now: () => clock.now(), ...more.facts });
  const { facts: _, ...options } = more;
  const exit = mountTop({
    stdin: tty.stdin,
    stdout: tty.stdout,
    process: tty.process,
    panels: shopPanels,
    env: { TERM: "xterm-256color", LANG: "C.UTF-8" },
    utc: true,
    author: "kim",
    ...options,
    clock,
    source,
  });
  exit.catch(() => undefined);
  const settle = async (ms = 0): Promise<void> => {
    await clock.advance(ms);
    await clock.advance(0);
  };
  const mounted: Mounted = {
    tty,
    clock,
    source,
    exit,
    settle,
    async press(keys) {
      tty.press(keys);
      // A lone Escape waits 20 ms of real time inside ink for the rest of a sequence.
      if (keys === "\u001b") await new Promise((resolve) => setTimeout(resolve, 30));
      await settle(50);
    },
  };
  open.push(mounted);
  await settle(1_000);
  return mounted;
}
