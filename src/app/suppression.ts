/**
 * Rules know what fires, the notifier knows what of it nobody is told and why. Joined here by fingerprint, so that a
 * screen shows an acknowledged alert as one somebody has taken.
 */
import type { Alert, Suppression } from "../model/alert.ts";
import { fingerprint } from "../model/fingerprint.ts";
import type { AlertView, Notifier, Silence } from "../notify/notifier.ts";

type Known = Pick<Notifier, "alerts" | "silences">;

/** The same alerts, those that are kept quiet with why. */
export function withSuppression(alerts: readonly Alert[], notifier: Known): readonly Alert[] {
  if (alerts.length === 0) return alerts;
  const found = suppressions(notifier);
  if (found.size === 0) return alerts;
  return alerts.map((alert) => {
    const suppressed = found.get(fingerprint(alert.labels));
    return suppressed === undefined ? alert : { ...alert, suppressed };
  });
}

function suppressions(notifier: Known): ReadonlyMap<string, Suppression> {
  const views = new Map(notifier.alerts().map((view) => [view.fingerprint, view]));
  const silences = new Map(notifier.silences().map((silence) => [silence.id, silence]));
  const found = new Map<string, Suppression>();
  for (const view of views.values()) {
    const why = suppressionOf(view, views, silences);
    if (why !== undefined) found.set(view.fingerprint, why);
  }
  return found;
}

/** What a person did comes before what a rule of the configuration does. */
function suppressionOf(
  view: AlertView,
  views: ReadonlyMap<string, AlertView>,
  silences: ReadonlyMap<string, Silence>,
): Suppression | undefined {
  const silence = silences.get(view.silencedBy[0] ?? "");
  if (silence !== undefined) {
    const { createdBy: who, comment, ack } = silence;
    if (ack === undefined) return { by: "silence", who, until: silence.endsAt, comment };
    return { by: "ack", who, until: ack.until, comment };
  }
  const [source] = view.inhibitedBy;
  if (source === undefined) return undefined;
  return { by: "inhibition", who: views.get(source)?.labels["alertname"] ?? source, until: undefined, comment: "" };
}
