/**
 * Closes and opens the database of a running store: after a write that failed, and for those who have to change its files.
 * Who reads meanwhile waits.
 */
import { errorText } from "../base/errors.ts";
import type { ByteLevel } from "../base/leveldb.ts";
import type { Logger } from "../base/log.ts";
import type { PartReader } from "./parts.ts";

interface DoorParts {
  readonly db: ByteLevel;
  readonly reader: PartReader;
  readonly options: { readonly log: Logger };
}

export class DatabaseDoor {
  readonly #parts: DoorParts;
  mustReopen = false;
  #work: (() => Promise<void>) | undefined;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /** Has `work` done at the next opening, while nobody has the files. @returns when it is done. */
  whenClosed(work: () => Promise<void>): Promise<void> {
    this.mustReopen = true;
    return new Promise((resolve, reject) => {
      this.#work = () => work().then(resolve, reject);
    });
  }

  /** @returns whether the database can be written again. */
  async reopen(): Promise<boolean> {
    if (!this.mustReopen) return true;
    const { db, reader, options } = this.#parts;
    const opening = (async (): Promise<boolean> => {
      await db.close();
      const work = this.#work;
      this.#work = undefined;
      await work?.();
      try {
        await db.open();
        return true;
      } catch (error) {
        options.log.warn("the database cannot be opened again yet", { error: errorText(error) });
        return false;
      }
    })();
    reader.hold(opening);
    const opened = await opening;
    if (opened) this.mustReopen = false;
    return opened;
  }
}
