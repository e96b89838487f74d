/** Alerts back from the state store at start, given to the rules they belong to. */
import type { Logger } from "../base/log.ts";
import { errorText } from "../base/errors.ts";
import type { Timestamp } from "../model/sample.ts";
import type { StateStore } from "../state/state.ts";
import { ALERT_END, ALERT_PREFIX, type ActiveAlert, type StoredAlert, decodeAlert } from "./alert-state.ts";

/**
 * A pending alert's waiting time goes on over an outage up to this long, as Prometheus tolerates; over a longer one
 * the outage itself does not count, since nobody looked.
 */
export const OUTAGE_TOLERANCE_MS: number = 60 * 60_000;
/** Stored alerts read at start; far more than any fleet has active at once. */
const STORED_MAX = 200_000;

export const HEARTBEAT_KEY = "rules/heartbeat";

/** When the last tick of the previous run was made durable. */
export async function lastHeartbeat(state: StateStore): Promise<Timestamp | undefined> {
  const text = await state.get(HEARTBEAT_KEY).catch(() => undefined);
  const at = Number(text);
  return text !== undefined && Number.isFinite(at) ? at : undefined;
}

/** All readable stored alerts; damaged ones are named in the log and left where they are. */
export async function readStoredAlerts(state: StateStore, log: Logger): Promise<readonly StoredAlert[]> {
  const found: StoredAlert[] = [];
  for await (const [key, value] of state.scan({ gte: ALERT_PREFIX, lt: ALERT_END, limit: STORED_MAX })) {
    try {
      found.push(decodeAlert(key, value));
    } catch (error) {
      log.error("a stored alert is damaged", { key, error: errorText(error) });
    }
  }
  return found;
}

/** The alert as it goes on after `downMs` without evaluations. */
export function afterOutage(alert: ActiveAlert, downMs: number): ActiveAlert {
  if (alert.base !== "pending" || downMs <= OUTAGE_TOLERANCE_MS) return alert;
  return { ...alert, activeAt: alert.activeAt + downMs };
}
