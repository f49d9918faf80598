/** What to do about a picture that stands still. */
export type Remedy = 'none' | 'play' | 'seek-live' | 'reload';

/** Standing still this long (seconds) calls for a jump to the live edge; twice as long, a reload. */
const STILL_LIMIT = 6;

/** The same behind the live edge, where a slow connection is waited for: a reload. */
const REWOUND_LIMIT = 30;

/** Two ticks further apart than this (seconds): the machine slept or the tab was frozen. */
const SLEEP_GAP = 5;

/** The video at a tick; times in seconds. */
export interface Reading {
  now: number;
  position: number;
  paused: boolean;
  /** Whether the picture should be moving: nobody paused it, and there is a show. */
  expected: boolean;
  /** Whether the live edge is played; behind it, nothing is to be caught up with. */
  live: boolean;
}

/**
 * Notices a frozen picture and a machine that slept, from readings about once a second.
 * hls.js mends holes and network errors by itself; this is for what it takes for normal.
 */
export class Watchdog {
  #position = -1;
  #stillSince: number | null = null;
  #lastTick: number | null = null;
  #jumped = false;

  tick({ now, position, paused, expected, live }: Reading): Remedy {
    const slept = live && this.#lastTick !== null && now - this.#lastTick > SLEEP_GAP;
    this.#lastTick = now;
    if (!expected || position !== this.#position) {
      this.#position = position;
      this.#stillSince = null;
      this.#jumped = false;
      return slept && expected ? 'seek-live' : 'none';
    }
    this.#stillSince ??= now;
    if (slept) return 'seek-live';
    const still = now - this.#stillSince;
    if (still >= (live ? 2 * STILL_LIMIT : REWOUND_LIMIT)) {
      this.#stillSince = null;
      this.#jumped = false;
      return 'reload';
    }
    if (live && still >= STILL_LIMIT && !this.#jumped) {
      this.#jumped = true;
      return 'seek-live';
    }
    return paused ? 'play' : 'none';
  }
}
