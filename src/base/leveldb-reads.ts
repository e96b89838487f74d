/**
 * Tells while LevelDB is asked for records. Wrong bytes in a table can end the whole process at a read, with no chance to
 * say why; who left word that a read was under way is known to have died of it, maybe.
 */
import path from "node:path";

export interface ReadWatch {
  /** Before the first of several reads at a time … */
  readonly begun: () => void;
  /** … and behind the last. */
  readonly ended: () => void;
}

interface Watched extends ReadWatch {
  /** Under way now. */
  reads: number;
}

/** By the directory that the databases lie in. */
const watches = new Map<string, Watched>();

/** From now on tells of reads of the databases in `dataDir`. */
export function watchReads(dataDir: string, watch: ReadWatch): Disposable {
  const place = path.resolve(dataDir);
  watches.set(place, { ...watch, reads: 0 });
  return { [Symbol.dispose]: () => void watches.delete(place) };
}

const IDLE = (): void => undefined;

/** Methods that abstract-level has its stores implement. */
interface Inner {
  _get(...args: unknown[]): Promise<unknown>;
  _getMany(...args: unknown[]): Promise<unknown>;
  _iterator(...args: unknown[]): { _close(): Promise<void> };
}

type InnerClass = new (location: string, options: object) => Inner;

/** A class like `level`, whose databases tell of their reads. */
export function tellingReads<Class>(level: Class): Class {
  const telling = class extends (level as InnerClass) {
    readonly #place: string;

    constructor(location: string, options: object) {
      super(location, options);
      this.#place = path.dirname(path.resolve(location));
    }

    override _get(...args: unknown[]): Promise<unknown> {
      const end = begin(this.#place);
      return super._get(...args).finally(end);
    }

    override _getMany(...args: unknown[]): Promise<unknown> {
      const end = begin(this.#place);
      return super._getMany(...args).finally(end);
    }

    override _iterator(...args: unknown[]): ReturnType<Inner["_iterator"]> {
      const end = begin(this.#place);
      const iterator = super._iterator(...args);
      const close = iterator._close.bind(iterator);
      iterator._close = () => {
        end();
        return close();
      };
      return iterator;
    }
  };
  return telling as Class;
}

/** @returns what to call when the read is over. */
function begin(place: string): () => void {
  const watch = watches.get(place);
  if (watch === undefined) return IDLE;
  if (watch.reads++ === 0) watch.begun();
  let over = false;
  return () => {
    if (over) return;
    over = true;
    if (--watch.reads === 0) watch.ended();
  };
}
