/** A relabelling rule of which a test says only what matters to it; the rest is Prometheus' default. */
import type { RelabelRule } from "../../src/model/relabel.ts";

export function rule(changes: Partial<RelabelRule>): RelabelRule {
  return {
    action: "replace",
    sourceLabels: [],
    separator: ";",
    regex: "(.*)",
    targetLabel: "",
    replacement: "$1",
    modulus: 0,
    ...changes,
  };
}
