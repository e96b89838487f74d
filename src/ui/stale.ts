/**
 * What a snapshot still says once the engine has fallen silent: the numbers, as the last ones known, and nothing that
 * could be taken for the state of now. No panel is judged, no target is up, and alerts are not known.
 */
import type { Timestamp } from "../model/sample.ts";
import type { PanelFrame } from "../panel/frame.ts";
import type { Connection } from "./session.ts";
import type { Snapshot } from "./snapshot.ts";
import { clockText } from "./time.ts";

/** `no answer since 12:00:05`. */
export function silenceText(since: Timestamp, now: Timestamp, utc: boolean): string {
  return `no answer since ${clockText(since, now, utc)}`;
}

export function staleSnapshot(snapshot: Snapshot, connection: Connection, now: Timestamp, utc: boolean): Snapshot {
  const { silentSince } = connection;
  if (silentSince === undefined) return snapshot;
  const reason = silenceText(silentSince, now, utc);
  const frames = new Map<string, PanelFrame>();
  for (const [id, frame] of snapshot.frames) {
    frames.set(id, { ...frame, state: "unknown", reason, lastState: frame.state });
  }
  return {
    ...snapshot,
    frames,
    // what the engine said of itself is not known either
    status: undefined,
    targets: snapshot.targets.map((target) => ({ ...target, health: "unknown" })),
    alertsError: connection.error === undefined ? reason : `${reason}: ${connection.error}`,
  };
}
