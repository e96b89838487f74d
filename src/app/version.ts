/** The program's version; the bundle defines it, a run from source has none. */
export const version: string = process.env["OPSMON_VERSION"] ?? "0.0.0-source";
