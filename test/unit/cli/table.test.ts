/** Tables on terminals of every width: what names a thing stays whole, sentences go on below. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTable } from "../../../src/cli/output/table.ts";

const TARGETS = ["health", "target", "age", "error"];
const DOWN = ["down", "http://127.0.0.1:44589/metrics", "1s", "connection refused: nothing listens there"];
const table = (header: readonly string[], rows: readonly (readonly string[])[], width: number): string =>
  formatTable(header, rows, { width, ascii: false });

describe("a table", () => {
  it("is one line a row where there is room", () => {
    expect(table(TARGETS, [DOWN], 120)).toBe(
      "HEALTH  TARGET                          AGE  ERROR\n" +
        "down    http://127.0.0.1:44589/metrics   1s  connection refused: nothing listens there\n",
    );
  });

  it("wraps its last sentence where there is a little", () => {
    expect(table(TARGETS, [DOWN], 75)).toBe(
      "HEALTH  TARGET                          AGE  ERROR\n" +
        "down    http://127.0.0.1:44589/metrics   1s  connection refused: nothing\n" +
        `${" ".repeat(45)}listens there\n`,
    );
  });

  it("puts it below where there is none, and nothing where there is nothing to say", () => {
    expect(table(TARGETS, [DOWN, ["up", "http://db1:9100/metrics", "12s", ""]], 60)).toBe(
      "HEALTH  TARGET                          AGE\n" +
        "down    http://127.0.0.1:44589/metrics   1s\n" +
        "    connection refused: nothing listens there\n" +
        "up      http://db1:9100/metrics         12s\n",
    );
  });

  it("cuts label sets before ids", () => {
    const labels = `{instance="127.0.0.1:46079", job="other", role="copy"}`;
    expect(table(["alert", "labels", "fingerprint"], [["RedisDown", labels, "249ae8bd8a33e981"]], 60)).toBe(
      "ALERT      LABELS                           FINGERPRINT\n" +
        'RedisDown  {instance="127.0.0.1:46079", j…  249ae8bd8a33e981\n',
    );
  });

  it("never is wider than the terminal, and never loses a row", () => {
    const cell = fc.string({ maxLength: 90 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 46, max: 200 }),
        fc.constantFrom("error", "labels", "value"),
        (rows, width, last) => {
          const lines = table(["target", "labels", last], rows, width).trimEnd().split("\n");
          expect(lines.length).toBeGreaterThanOrEqual(rows.length);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});
