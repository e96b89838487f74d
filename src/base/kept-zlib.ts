/**
 * A stream of node:zlib that is used again and again. The public functions make a compressor and new memory for each
 * call, and tell V8 of that memory, which then collects its whole heap every few seconds; one that is kept costs half,
 * and no collection. Node keeps the door of its streams to itself, so what is behind it is looked at first, and whatever
 * is unusual (broken bytes, no room, another Node) is left to the public way.
 */

/** The part of Node's streams that is used here. */
interface Worker {
  readonly _handle: {
    writeSync(
      flush: number,
      from: Uint8Array,
      at: number,
      length: number,
      to: Uint8Array,
      toAt: number,
      room: number,
    ): void;
  };
  reset(): void;
  /** After a write: room left in the output, bytes left of the input. */
  readonly _writeState: Uint32Array;
  readonly destroyed: boolean;
}

/** One stream, made at the first call and again after one broke. */
export class KeptZlib {
  readonly #make: () => unknown;
  readonly #flush: number;
  #worker: Worker | "none" | undefined;

  /** @param flush the constant of node:zlib that ends an input. */
  constructor(make: () => unknown, flush: number) {
    this.#make = make;
    this.#flush = flush;
  }

  /** Works `input` off into `out`. @returns how many bytes came out; undefined leaves it to the public way. */
  run(input: Uint8Array, out: Uint8Array): number | undefined {
    const worker = (this.#worker ??= this.#open());
    if (worker === "none") return undefined;
    worker.reset();
    worker._handle.writeSync(this.#flush, input, 0, input.length, out, 0, out.length);
    const [left = 0, unread = 0] = worker._writeState;
    if (worker.destroyed) this.#worker = undefined;
    // A full output does not tell whether there is more to come.
    return worker.destroyed || unread > 0 || left === 0 ? undefined : out.length - left;
  }

  #open(): Worker | "none" {
    const made = this.#make() as Partial<Worker> & { on(event: "error", listener: () => void): void };
    // Broken bytes are told as an event too, later; by then they went the public way.
    made.on("error", () => undefined);
    const fits = typeof made._handle?.writeSync === "function" && made._writeState instanceof Uint32Array;
    return fits ? (made as Worker) : "none";
  }
}
