/** Counts in sentences: `1 sample`, `2 samples`, `1 series`. */

/** @param many given where an "s" does not make it, e.g. `series`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
