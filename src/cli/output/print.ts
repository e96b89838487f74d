/**
 * Tables on demand: what measures and cleans text for a terminal costs more to load than a one-shot's answer takes, so
 * pipes and scripts never load it.
 */
import type { Invocation } from "../command.ts";
import { terminalOf } from "../terminal.ts";
import { toTsv } from "./rows.ts";
import { visible } from "./visible.ts";

type RowsOf = readonly (readonly string[])[];

export async function tableText(call: Invocation, header: readonly string[], rows: RowsOf): Promise<string> {
  const { formatTable } = await import("./table.ts");
  return formatTable(header, rows, terminalOf(call));
}

/** A table on a terminal, tab-separated text in a pipe, or what `-o` says. */
export async function printRows(call: Invocation, header: readonly string[], rows: RowsOf): Promise<void> {
  const format = call.options.text("output") ?? (call.io.stdoutIsTty ? "table" : "tsv");
  call.io.out(format === "tsv" ? visible(toTsv({ header, rows })) : await tableText(call, header, rows));
}
