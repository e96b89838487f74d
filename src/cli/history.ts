/** `--since` and `--limit` of commands that list what happened. */
import type { Source } from "../api/source.ts";
import type { JournalKind, JournalRecord } from "../journal/record.ts";
import { parseTime } from "../model/time.ts";
import type { Invocation } from "./command.ts";
import { wholeNumber } from "./count-option.ts";

const DAY_MS = 86_400_000;

/** Records of one kind from `--since` (a day ago unless told) until now, the newest `--limit` of them, oldest first. */
export async function recordsSince<K extends JournalKind>(
  { options, clock }: Invocation,
  source: Source,
  kind: K,
  limit: number,
): Promise<readonly Extract<JournalRecord, { kind: K }>[]> {
  const now = clock.now();
  const since = options.text("since");
  const start = since === undefined ? now - DAY_MS : parseTime(since, now, options.flag("utc"));
  const most = options.text("limit");
  const records = await source.journal([kind], start, now, most === undefined ? limit : wholeNumber("limit", most));
  return records as readonly Extract<JournalRecord, { kind: K }>[];
}
