/** Writes test/golden/panels.txt from the cases: `node test/unit/draw/golden.ts`, then look at the difference. */
import { writeFileSync } from "node:fs";
import { drawPanel } from "../../../src/draw/panel.ts";
import { gridToText } from "../../../src/draw/text.ts";
import { CASES } from "./cases.ts";

export function goldenText(): string {
  return CASES.map((c) => `== ${c.name}\n${gridToText(drawPanel(c.frame, c.size, c.options))}\n`).join("");
}

if (import.meta.main) writeFileSync(new URL("../../golden/panels.txt", import.meta.url), goldenText());
