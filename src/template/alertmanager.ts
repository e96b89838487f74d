/**
 * The template functions and data of Alertmanager messages: `.Alerts.Firing`, `.CommonLabels.SortedPairs`,
 * `join`, `date`, `tz` and the rest, so an existing template file gives the same text here.
 * @see https://prometheus.io/docs/alerting/latest/notifications/
 */
import { Labels, METRIC_NAME } from "../model/labels.ts";
import type { Alert } from "../model/alert.ts";
import { type GoFunction, define } from "./function.ts";
import { humanizeDuration } from "./humanize.ts";
import { textFunctions, title, toFloat } from "./text-functions.ts";
import { ZERO_TIME_MS } from "./time.ts";
import {
  GoDuration,
  GoStringMap,
  GoStruct,
  GoTime,
  SafeText,
  type WithMethods,
  isNil,
  mapEntries,
  structFields,
  withMethods,
} from "./value.ts";

/** @param nowMs time for `since`, unix ms, asked at each call. */
export function messageFunctions(nowMs: () => number): Readonly<Record<string, GoFunction>> {
  return {
    ...textFunctions,
    title: define(["string"], ([text]) => title((text as string).toLowerCase())),
    join: define(["string", "strings"], ([separator, parts]) => (parts as readonly string[]).join(separator as string)),
    safeUrl: define(["string"], ([text]) => new SafeText(text as string)),
    urlUnescape: define(["string"], ([text]) => {
      try {
        return decodeURIComponent((text as string).replaceAll("+", " "));
      } catch {
        throw new Error("invalid URL escape");
      }
    }),
    stringSlice: define([], (parts) => [...parts], "string"),
    date: define(["string", "time"], ([layout, time]) => (time as GoTime).format(layout as string)),
    tz: define(["string", "time"], ([zone, time]) => (time as GoTime).in(zone as string)),
    since: define(["time"], ([time]) => GoDuration.fromMs(nowMs() - (time as GoTime).ms)),
    now: define([], () => new GoTime(nowMs())),
    humanizeDuration: define(["any"], ([value]) => humanizeDuration(toFloat(value))),
    toJson: define(["any"], ([value]) => JSON.stringify(plain(value))),
  };
}

function plain(value: unknown): unknown {
  if (isNil(value)) return null;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof SafeText) return value.text;
  if (value instanceof GoTime) return new Date(value.ms).toISOString();
  if (value instanceof GoDuration) return Number(value.ns);
  if (Array.isArray(value)) return value.map(plain);
  const entries =
    mapEntries(value) ??
    (structFields(value) === undefined ? undefined : Object.entries(structFields(value) as object));
  return entries === undefined ? value : Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
}

function pairs(labels: Labels): readonly GoStruct[] & WithMethods {
  const first = [...labels].filter(([name]) => name === "alertname");
  const rest = [...labels].filter(([name]) => name !== "alertname");
  const list = [...first, ...rest];
  return withMethods(
    list.map(([Name, Value]) => new GoStruct("template.Pair", { Name, Value })),
    {
      Names: define([], () => list.map(([name]) => name)),
      Values: define([], () => list.map(([, value]) => value)),
      String: define([], () => list.map(([name, value]) => `${name}=${value}`).join(", ")),
    },
  );
}

/** A label set as Alertmanager's KV: lookups plus SortedPairs, Remove, Names, Values. */
export function keyValues(labels: Labels): GoStringMap {
  return new GoStringMap("template.KV", labels, {
    SortedPairs: define([], () => pairs(labels)),
    Remove: define(["strings"], ([names]) => keyValues(labels.without(...(names as readonly string[])))),
    Names: define([], () => pairs(labels).map((pair) => pair.fields["Name"])),
    Values: define([], () => pairs(labels).map((pair) => pair.fields["Value"])),
    String: define([], () => [...labels].map(([name, value]) => `${name}=${value}`).join(", ")),
  });
}

export interface MessageAlert {
  readonly alert: Alert;
  readonly fingerprint: string;
}

export interface MessageDataInput {
  readonly receiver: string;
  readonly groupLabels: Labels;
  readonly alerts: readonly MessageAlert[];
  readonly externalUrl: string;
}

/** Whether a message calls this alert resolved: only an end closes it; nodata and error do not. */
function isResolved(alert: Alert): boolean {
  return alert.resolvedAt !== undefined;
}

/** Labels that all of them have with one value. */
export function commonLabels(sets: readonly Labels[]): Labels {
  const [first, ...rest] = sets;
  if (first === undefined) return Labels.EMPTY;
  const names = [...first]
    .filter(([name, value]) => rest.every((other) => other.get(name) === value))
    .map(([name]) => name);
  return first.only(names);
}

/** What `.` is in a message template: Alertmanager's Data. */
export function messageData(input: MessageDataInput): GoStruct {
  const labels = input.alerts.map(({ alert }) => alert.labels.without(METRIC_NAME));
  return new GoStruct("template.Data", {
    Receiver: input.receiver,
    Status: input.alerts.some(({ alert }) => !isResolved(alert)) ? "firing" : "resolved",
    Alerts: alertList(input.alerts),
    GroupLabels: keyValues(input.groupLabels),
    CommonLabels: keyValues(commonLabels(labels)),
    CommonAnnotations: keyValues(commonLabels(input.alerts.map(({ alert }) => alert.annotations))),
    ExternalURL: input.externalUrl,
  });
}

function alertList(alerts: readonly MessageAlert[]): readonly GoStruct[] & WithMethods {
  const byState = (resolved: boolean): GoFunction =>
    define([], () => alerts.filter(({ alert }) => isResolved(alert) === resolved).map(alertStruct));
  return withMethods(alerts.map(alertStruct), { Firing: byState(false), Resolved: byState(true) });
}

function alertStruct({ alert, fingerprint }: MessageAlert): GoStruct {
  return new GoStruct("template.Alert", {
    Status: isResolved(alert) ? "resolved" : "firing",
    Labels: keyValues(alert.labels),
    Annotations: keyValues(alert.annotations),
    StartsAt: new GoTime(alert.firedAt ?? alert.activeAt),
    EndsAt: new GoTime(alert.resolvedAt ?? ZERO_TIME_MS),
    GeneratorURL: alert.generatorUrl,
    Fingerprint: fingerprint,
    // Beyond Alertmanager: a message can show the number and the reason an alert has no fresh one.
    Value: alert.value,
    State: alert.state,
  });
}
