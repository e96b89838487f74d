/** What the crash test's pages hold: computed, so that the parent can tell right from wrong without being told. */
export const CRASH_COLUMNS = 70;

export function crashTime(page: number): number {
  return 1_700_000_000_000 + page * 1_000;
}

export function crashValue(page: number, column: number): number {
  if (column % 3 === 0) return column;
  return column % 3 === 1 ? page * column : Math.sin(page + column);
}
