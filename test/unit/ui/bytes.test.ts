/** Bytes a live screen sends, counted: at most 3 kB a second at 120x40 and 1 Hz over a span of 15 minutes. */
import { expect, test } from "vitest";
import { manualClock } from "../../../src/base/clock.ts";
import { mountTop } from "../../../src/ui/mount.tsx";
import type { ViewId } from "../../../src/panel/spec.ts";
import { fakeTty } from "../../support/fake-tty.ts";
import { shopPanels } from "../../support/fixed-shop.ts";
import { fixedSource, NOON } from "../../support/fixed-source.ts";

const BYTES_PER_SECOND_MAX = 3_000;
const SECONDS = 60;

test.each<{ view: ViewId }>([{ view: "overview" }, { view: "hosts" }, { view: "services" }, { view: "postgres" }])(
  "$view stays within the budget",
  async ({ view }) => {
    const tty = fakeTty(120, 40);
    const clock = manualClock(NOON);
    const source = fixedSource({ now: () => clock.now() });
    const { stdin, stdout, process } = tty;
    const options = { source, clock, stdin, stdout, process, panels: shopPanels, view, utc: true };
    const exit = mountTop({ ...options, env: { TERM: "xterm-256color", LANG: "C.UTF-8" }, theme: "dark" });
    await clock.advance(3_000);
    const before = Buffer.byteLength(tty.raw);
    await clock.advance(SECONDS * 1_000);
    const perSecond = (Buffer.byteLength(tty.raw) - before) / SECONDS;
    expect(perSecond).toBeLessThanOrEqual(BYTES_PER_SECOND_MAX);
    expect(perSecond).toBeGreaterThan(20);
    tty.press("q");
    await clock.advance(0);
    await exit;
  },
);
