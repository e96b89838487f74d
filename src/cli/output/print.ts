/**
 * Tables on demand: what measures and cleans text for a terminal costs more to load than a one-shot's answer takes, so
 * pipes and scripts never load it.
 */
import type { Invocation } from "../command.ts";
import { terminalOf } from "../terminal.ts";
import { toTsv } from "./rows.ts";

/** What a terminal would act on, in text that goes to it as it is; tabs and line breaks are the format's own. */
const ACTIVE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

type RowsOf = readonly (readonly string[])[];

export async function tableText(call: Invocation, header: readonly string[], rows: RowsOf): Promise<string> {
  const { formatTable } = await import("./table.ts");
  return formatTable(header, rows, terminalOf(call));
}

/** A table on a terminal, tab-separated text in a pipe, or what `-o` says. */
export async function printRows(call: Invocation, header: readonly string[], rows: RowsOf): Promise<void> {
  const format = call.options.text("output") ?? (call.io.stdoutIsTty ? "table" : "tsv");
  call.io.out(format === "tsv" ? harmless(call, toTsv({ header, rows })) : await tableText(call, header, rows));
}

/** Data for programs, made visible instead of active where a terminal reads it. */
export function harmless({ io }: Invocation, text: string): string {
  if (!io.stdoutIsTty) return text;
  return text.replace(ACTIVE, (ch) => `\\u${ch.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
