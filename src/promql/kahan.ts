/**
 * Compensated summation after Kahan, Babuška and Neumaier, step for step as Prometheus sums, so that sums agree to
 * the last bit. The state is two numbers, `sum` and `c`; the total is `sum + c`.
 *
 * @see https://en.wikipedia.org/wiki/Kahan_summation_algorithm#Further_enhancements
 */

export class KahanSum {
  sum = 0;
  c = 0;

  add(inc: number): void {
    const sum = this.sum;
    const t = sum + inc;
    if (t === Number.POSITIVE_INFINITY || t === Number.NEGATIVE_INFINITY) this.c = 0;
    else if (Math.abs(sum) >= Math.abs(inc)) this.c += sum - t + inc;
    else this.c += inc - t + sum;
    this.sum = t;
  }

  reset(): void {
    this.sum = 0;
    this.c = 0;
  }

  get total(): number {
    return this.sum + this.c;
  }
}

/**
 * Mean that survives sums beyond the largest double: plain while the sum is finite, then an incremental mean. An
 * infinite mean stays as it is until a NaN or the opposite infinity comes.
 */
export class KahanMean {
  readonly #sum = new KahanSum();
  #count = 0;
  #incremental = false;
  /** The incremental mean and its compensation. */
  readonly #mean = new KahanSum();

  add(value: number): void {
    const count = ++this.#count;
    if (!this.#incremental) {
      const before = this.#sum.sum;
      const beforeC = this.#sum.c;
      this.#sum.add(value);
      if (count === 1 || Math.abs(this.#sum.sum) !== Number.POSITIVE_INFINITY) return;
      this.#incremental = true;
      this.#mean.sum = before / (count - 1);
      this.#mean.c = beforeC / (count - 1);
    }
    const mean = this.#mean.sum;
    if (Math.abs(mean) === Number.POSITIVE_INFINITY) {
      if (Number.isFinite(value) || value === mean) return;
    }
    const share = (count - 1) / count;
    this.#mean.sum = share * mean;
    this.#mean.c *= share;
    this.#mean.add(value / count);
  }

  reset(): void {
    this.#sum.reset();
    this.#count = 0;
    this.#incremental = false;
  }

  get mean(): number {
    return this.#incremental ? this.#mean.total : this.#sum.sum / this.#count + this.#sum.c / this.#count;
  }
}
