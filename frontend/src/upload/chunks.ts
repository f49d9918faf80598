/** Sizes of the pieces in which a file is sent, in bytes. */

export const SMALLEST_CHUNK = 4_000_000;

/** Proxies refuse large requests, and some of them cut the connection without a word: then the
 * pieces are halved. */
export function smaller(chunk: number): number {
  return Math.max(SMALLEST_CHUNK, Math.floor(chunk / 2));
}

/** What an answer means for the upload; null: no answer came. `own` is false for an answer that is
 * not the station's but that of a proxy before it. */
export interface Answer {
  status: number;
  own: boolean;
}

export type Verdict = 'again' | 'smaller' | 'stop';

/** Says how to go on after a failure. */
export function verdict(answer: Answer | null): Verdict {
  if (answer === null) return 'smaller';
  if (answer.status === 413 && !answer.own) return 'smaller';
  if (answer.status === 409 || answer.status === 423 || answer.status === 429) return 'again';
  return answer.status >= 500 && answer.status !== 507 ? 'again' : 'stop';
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
