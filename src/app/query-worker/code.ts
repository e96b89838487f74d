/**
 * Where the query thread's code lies: beside this file in a checkout, beside the bundle once it is built, inside the
 * single binary.
 */
import path from "node:path";

export interface ThreadCode {
  /** A path, or the text itself. */
  readonly code: string;
  readonly eval: boolean;
}

/** As bin/build.ts and bin/package.ts name it. */
const BUNDLED = "query-thread.cjs";

export function threadCode(): ThreadCode {
  const sea = process.getBuiltinModule("node:sea");
  if (sea.isSea()) return { code: sea.getAsset(BUNDLED, "utf8"), eval: true };
  const built = process.env["OPSMON_VERSION"] !== undefined;
  return { code: path.join(import.meta.dirname, built ? BUNDLED : "main.ts"), eval: false };
}
