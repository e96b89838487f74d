/** Counts open screens. The embedded engine of a `top` leaves when the last one has gone, or when none ever came. */
import type { Clock } from "../base/clock.ts";

/** A screen that reconnects, or the next `top` typed at once, finds the engine still there, ms. */
const GRACE_MS = 2_000;
/** The `top` that started us must have attached by then, or it died on the way, ms. */
const FIRST_ATTACH_MS = 30_000;

export interface Attachments extends Disposable {
  change(by: 1 | -1): void;
  count(): number;
}

export function watchAttachments(options: {
  readonly clock: Clock;
  readonly embedded: boolean;
  readonly leave: () => void;
}): Attachments {
  const { clock, embedded, leave } = options;
  let open = 0;
  let timer: Disposable | undefined = embedded ? clock.after(FIRST_ATTACH_MS, leave) : undefined;
  return {
    change(by) {
      open += by;
      timer?.[Symbol.dispose]();
      timer = embedded && open === 0 ? clock.after(GRACE_MS, leave) : undefined;
    },
    count: () => open,
    [Symbol.dispose]: () => timer?.[Symbol.dispose](),
  };
}
