/**
 * Rules know what fires, the notifier knows what of it nobody is told and why. Joined here by fingerprint, so that a
 * screen shows an acknowledged alert as one somebody has taken.
 */
import type { Alert, Suppression } from "../model/alert.ts";
import { fingerprint } from "../model/fingerprint.ts";
import { createMatcher, type Matcher } from "../model/matcher.ts";
import type { AlertView, Notifier, Silence } from "../notify/notifier.ts";

type Known = Pick<Notifier, "alerts" | "silences">;

/** The same alerts, those that are kept quiet with why. */
export function withSuppression(alerts: readonly Alert[], notifier: Known): readonly Alert[] {
  return suppressor(notifier)(alerts);
}

/** As `withSuppression`, for many lists of one moment: the notifier is asked once, and only if there are alerts. */
export function suppressor(notifier: Known): (alerts: readonly Alert[]) => readonly Alert[] {
  let known: Parameters<typeof marked>[1] | undefined;
  return (alerts) => {
    if (alerts.length === 0) return alerts;
    known ??= { found: suppressions(notifier), ahead: silencesAhead(notifier) };
    return marked(alerts, known);
  };
}

function marked(
  alerts: readonly Alert[],
  { found, ahead }: { readonly found: ReadonlyMap<string, Suppression>; readonly ahead: readonly Ahead[] },
): readonly Alert[] {
  if (found.size === 0 && ahead.length === 0) return alerts;
  return alerts.map((alert) => {
    const covers = alert.state === "pending" ? ahead.find(({ matchers }) => covered(alert, matchers)) : undefined;
    const suppressed = covers === undefined ? found.get(fingerprint(alert.labels)) : suppressionBy(covers.silence);
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

function suppressionBy({ createdBy: who, comment, ack, endsAt }: Silence): Suppression {
  return ack === undefined
    ? { by: "silence", who, until: endsAt, comment }
    : { by: "ack", who, until: ack.until, comment };
}

interface Ahead {
  readonly silence: Silence;
  readonly matchers: readonly Matcher[];
}

/** The notifier hears of an alert when it fires; one that is pending is silenced by what would then cover it. */
function silencesAhead(notifier: Known): readonly Ahead[] {
  return notifier
    .silences()
    .filter(({ state, ack }) => state === "active" && ack === undefined)
    .map((silence) => ({
      silence,
      matchers: silence.matchers.map(({ name, op, value }) => createMatcher(name, op, value)),
    }));
}

function covered({ labels }: Alert, matchers: readonly Matcher[]): boolean {
  return matchers.every((matcher) => matcher.matches(labels.get(matcher.name)));
}

/** What a person did comes before what a rule of the configuration does. */
function suppressionOf(
  view: AlertView,
  views: ReadonlyMap<string, AlertView>,
  silences: ReadonlyMap<string, Silence>,
): Suppression | undefined {
  const silence = silences.get(view.silencedBy[0] ?? "");
  if (silence !== undefined) return suppressionBy(silence);
  const [source] = view.inhibitedBy;
  if (source === undefined) return undefined;
  return { by: "inhibition", who: views.get(source)?.labels["alertname"] ?? source, until: undefined, comment: "" };
}
