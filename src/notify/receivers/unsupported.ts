/**
 * A receiver kind that the configuration may name but this version does not carry out. Each delivery is a visible
 * refusal that goes to a stand-in, so nobody believes that a pager rings.
 */
import type { Receiver } from "../receiver.ts";

export function createUnsupported(integration: string, name: string, sendResolved: boolean): Receiver {
  return {
    integration: "unsupported",
    channel: `unsupported:${integration}:${name}`,
    edits: false,
    digests: false,
    sendResolved,
    pace: undefined,
    listener: undefined,
    deliver: () =>
      Promise.resolve({
        kind: "dead",
        reason: `opsmon does not deliver to ${integration} yet`,
        warnings: [`receiver "${name}": ${integration} is not carried out by this version; another receiver is asked`],
      }),
    close: () => Promise.resolve(),
  };
}
