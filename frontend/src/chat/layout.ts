/** Positions of rows of different heights, in pixels; pure, to be tested without a page. */

/** A row that has not been measured yet is taken to be this high. */
export const GUESS = 30;

export interface Range {
  /** Index of the first row to draw, and of the one after the last. */
  from: number;
  to: number;
}

/** Tops of rows by their keys. Heights outlive a row's absence from the page. */
export class Layout<K> {
  #keys: readonly K[] = [];
  #index = new Map<K, number>();
  readonly #heights = new Map<K, number>();
  #tops = new Float64Array(1);
  #stale = true;

  constructor(private readonly guess: (key: K) => number = () => GUESS) {}

  /** Takes the rows that there are now, in order; forgets the heights of those that are gone. */
  setKeys(keys: readonly K[]): void {
    this.#keys = keys;
    this.#index = new Map(keys.map((key, index) => [key, index]));
    if (this.#heights.size > keys.length + 64) {
      for (const key of this.#heights.keys()) if (!this.#index.has(key)) this.#heights.delete(key);
    }
    this.#stale = true;
  }

  get count(): number {
    return this.#keys.length;
  }

  /** True where the height is news. */
  measured(key: K, height: number): boolean {
    if (this.#heights.get(key) === height) return false;
    this.#heights.set(key, height);
    this.#stale = true;
    return true;
  }

  /** Forgets every height, for instance because the width changed. */
  forget(): void {
    this.#heights.clear();
    this.#stale = true;
  }

  indexOf(key: K): number {
    return this.#index.get(key) ?? -1;
  }

  /** Top of the row at `index`; of the row after the last it is the height of all. */
  top(index: number): number {
    this.#compute();
    return this.#tops[Math.max(0, Math.min(index, this.count))] ?? 0;
  }

  get total(): number {
    return this.top(this.count);
  }

  /** Index of the row at the height `y`; the last row where `y` is below them all. */
  at(y: number): number {
    this.#compute();
    let low = 0;
    let high = Math.max(0, this.count - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#tops[middle] ?? 0) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The rows that a window of `height` at `y` shows, and `over` pixels above and below it. */
  range(y: number, height: number, over: number): Range {
    if (this.count === 0) return { from: 0, to: 0 };
    return { from: this.at(Math.max(0, y - over)), to: this.at(y + height + over) + 1 };
  }

  #compute(): void {
    if (!this.#stale) return;
    this.#stale = false;
    if (this.#tops.length < this.count + 1) {
      this.#tops = new Float64Array(Math.max(64, 2 * (this.count + 1)));
    }
    let top = 0;
    this.#keys.forEach((key, index) => {
      this.#tops[index] = top;
      top += this.#heights.get(key) ?? this.guess(key);
    });
    this.#tops[this.count] = top;
  }
}
