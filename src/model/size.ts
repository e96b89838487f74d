/** Sizes as Prometheus' flags take them: `512MB`, `10GiB`, `1.5GB`; powers of 1024 in either spelling. */
import { UserError } from "../base/errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
  P: 2 ** 50,
  E: 2 ** 60,
};

/** @returns whole bytes. @throws UserError `bad-size` (exit 2). */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGTPE]?)(?:i?B)?$/i.exec(text.trim());
  const unit = match === null ? undefined : UNITS[(match[2] as string).toUpperCase()];
  if (match === null || unit === undefined) {
    throw new UserError("bad-size", `"${text}" is not a size`, {
      hint: 'write a number and a unit: "512MB", "10GB"',
      exit: 2,
    });
  }
  return Math.round(Number(match[1]) * unit);
}
