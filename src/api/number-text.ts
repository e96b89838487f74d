/** Numbers as the Prometheus API writes them, back into numbers: the words JSON lacks included. */
export function parseFloatText(text: unknown): number {
  if (text === "NaN") return Number.NaN;
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return Number(text);
}
