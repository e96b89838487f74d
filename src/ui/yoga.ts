/**
 * The door to ink's layout engine. Run from source, yoga instantiates its WebAssembly while it is imported, so there
 * is nothing to wait for. The single-file build cannot await while loading: it replaces this module by one whose
 * `ready` instantiates it (see bin/build.ts).
 */

/** Resolves when ink may render. Safe to call more than once. */
export function ready(): Promise<void> {
  return Promise.resolve();
}
