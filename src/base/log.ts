/**
 * The program's log: one logfmt line an event on stderr. Values are escaped, so no exporter's text can drive a
 * terminal or forge a line.
 */
import type { Clock } from "./clock.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry these fields as well. */
  with(fields: LogFields): Logger;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Longest value kept, in characters: a 4 MiB label value must not become a 4 MiB line. */
const VALUE_LENGTH_MAX = 2_000;

function quote(value: string | number | boolean): string {
  const text = String(value).slice(0, VALUE_LENGTH_MAX);
  return /^[\w./:@+-]+$/.test(text) ? text : escapeControl(JSON.stringify(text));
}

/** Replaces every control character, C1 included, by a visible `\u` escape. */
export function escapeControl(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (ch) => `\\u${ch.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** @param write receives whole lines, newline included. */
export function createLogger(level: LogLevel, clock: Clock, write: (line: string) => void): Logger {
  const make = (base: LogFields): Logger => {
    const line =
      (at: LogLevel) =>
      (message: string, fields: LogFields = {}): void => {
        if (RANK[at] < RANK[level]) return;
        let out = `ts=${new Date(clock.now()).toISOString()} level=${at} msg=${quote(message)}`;
        for (const [key, value] of Object.entries({ ...base, ...fields })) {
          if (value !== undefined) out += ` ${key}=${quote(value)}`;
        }
        write(`${out}\n`);
      };
    return {
      debug: line("debug"),
      info: line("info"),
      warn: line("warn"),
      error: line("error"),
      with: (fields) => make({ ...base, ...fields }),
    };
  };
  return make({});
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLogger,
};
