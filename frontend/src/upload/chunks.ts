/** Sizes of the pieces in which a file is sent, in bytes. */

export const SMALLEST_CHUNK = 4_000_000;

/** Pieces that pass before they are doubled again, at first and at most. */
const PASSED = 2;
const MOST_PASSED = 64;

/** The size of the next piece. Proxies refuse large requests, and some of them cut the connection
 * without a word: then it is halved. It grows again, as a connection that broke looks the same, and
 * ever more slowly where that fails. */
export class Chunks {
  size: number;
  private passedSince = 0;
  private needed = PASSED;
  private grown = false;

  constructor(private readonly largest: number) {
    this.size = largest;
  }

  failed(): number {
    if (this.grown) this.needed = Math.min(MOST_PASSED, this.needed * 2);
    this.grown = false;
    this.passedSince = 0;
    return (this.size = Math.min(this.largest, Math.max(SMALLEST_CHUNK, Math.floor(this.size / 2))));
  }

  passed(): number {
    this.passedSince += 1;
    if (this.size < this.largest && this.passedSince >= this.needed) {
      this.size = Math.min(this.largest, this.size * 2);
      this.grown = true;
      this.passedSince = 0;
    }
    return this.size;
  }
}

/** What an answer means for the upload. `own` is false for an answer that is not the station's but
 * that of a proxy before it. */
export interface Answer {
  status: number;
  own: boolean;
}

export type Verdict = 'again' | 'smaller' | 'stop';

/** Says how to go on after a request failed; null: no answer came. */
export function verdict(method: string, answer: Answer | null): Verdict {
  const body = method === 'PATCH' ? 'smaller' : 'again';
  if (answer === null) return body;
  const { status, own } = answer;
  if (status === 408 || (status === 413 && !own)) return body;
  if (forgotten(answer)) return 'stop';
  if (status === 404 && method === 'HEAD') return 'again';
  if (status === 409 || status === 423 || status === 429) return 'again';
  return status >= 500 && status !== 507 ? 'again' : 'stop';
}

/** True where the station itself says that there is no such upload. */
export function forgotten({ status, own }: Answer): boolean {
  return own && (status === 404 || status === 410);
}

/** Milliseconds before each attempt: quickly at first, then every half minute for a day. */
export const RETRY_DELAYS: number[] = [0, 1_000, 3_000, 5_000, 10_000, 20_000, ...Array<number>(2_880).fill(30_000)];

const WINDOW = 5_000;

/** Bytes per second over the last seconds, and what is left of the time. */
export class Speed {
  private readonly samples: { at: number; bytes: number }[] = [];

  add(bytes: number, at: number): void {
    this.samples.push({ at, bytes });
    while (this.samples.length > 2 && at - (this.samples[0]?.at ?? at) > WINDOW) this.samples.shift();
  }

  clear(): void {
    this.samples.length = 0;
  }

  /** Null until two samples are a second apart. */
  get rate(): number | null {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (!first || !last || last.at - first.at < 1_000) return null;
    return Math.max(0, ((last.bytes - first.bytes) * 1_000) / (last.at - first.at));
  }
}
