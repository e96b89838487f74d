/** What the fake Bot API answers with. */

export type Body = Readonly<Record<string, unknown>>;
export interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

const TITLES: Readonly<Record<number, string>> = { 400: "Bad Request", 403: "Forbidden", 409: "Conflict" };

export function ok(result: unknown): Answer {
  return { status: 200, json: { ok: true, result } };
}

/** As the server words it: `Bad Request: chat not found`. */
export function refuse(status: number, description: string, parameters?: Readonly<Record<string, unknown>>): Answer {
  const title = TITLES[status];
  const text = title === undefined ? description : `${title}: ${description}`;
  return {
    status,
    json: { ok: false, error_code: status, description: text, ...(parameters === undefined ? {} : { parameters }) },
  };
}

/** A field that should be text; numbers are read as the server reads them. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}
