/**
 * The routing stage: labels in, the routes that take them out. A child that matches hides its later siblings
 * unless it says `continue`; a node none of whose children match takes the alert itself.
 * @see https://prometheus.io/docs/alerting/latest/configuration/#route
 */
import type { Matcher } from "../model/matcher.ts";
import type { Route } from "../model/routing.ts";

/** How a label set answers; a missing label is "". */
export type LabelLookup = (name: string) => string;

export function lookup(labels: Readonly<Record<string, string>>): LabelLookup {
  return (name) => (Object.hasOwn(labels, name) ? (labels[name] as string) : "");
}

export function matchesAll(matchers: readonly Matcher[], label: LabelLookup): boolean {
  return matchers.every((matcher) => matcher.matches(label(matcher.name)));
}

/** The routes that take an alert, in file order; never empty for a tree whose root has no matchers. */
export function matchRoutes(root: Route, label: LabelLookup): readonly Route[] {
  if (!matchesAll(root.matchers, label)) return [];
  const found: Route[] = [];
  for (const child of root.routes) {
    const below = matchRoutes(child, label);
    found.push(...below);
    if (below.length > 0 && !child.continue) break;
  }
  return found.length === 0 ? [root] : found;
}
