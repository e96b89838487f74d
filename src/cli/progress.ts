/** A progress bar on stderr for long work; nothing where stderr is no terminal. */
import type { Invocation } from "./command.ts";

/** A bar that came and went within this time would only flicker, ms. */
const SHOW_AFTER_MS = 300;
const BAR_WIDTH = 30;

export interface Progress extends Disposable {
  update(done: number, total: number): void;
}

/** @param what the work in a word or two. */
export async function progressBar({ io, clock }: Invocation, what: string): Promise<Progress> {
  if (!io.stderrIsTty) return { update: () => undefined, [Symbol.dispose]: () => undefined };
  const { SingleBar } = (await import("cli-progress")).default;
  const bar = new SingleBar({
    format: `${what} [{bar}] {percentage}% {eta_formatted}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    barsize: BAR_WIDTH,
    barCompleteChar: "=",
    barIncompleteChar: " ",
  });
  const since = clock.monotonic();
  let shown = false;
  return {
    update(done, total) {
      if (!shown && clock.monotonic() - since < SHOW_AFTER_MS) return;
      if (!shown) bar.start(total, done);
      shown = true;
      bar.setTotal(total);
      bar.update(done);
    },
    [Symbol.dispose]: () => {
      if (shown) bar.stop();
    },
  };
}
