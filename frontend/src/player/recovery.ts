/** Decisions about media that cannot go on as they are. Pure: no hls.js, no clock, no page. */
import { codecNames } from '../lib/codecs';

/**
 * What to do about an error of decoding or buffering: begin anew at the live edge, or let hls.js go
 * on where it was, behind the media that it cannot play.
 */
export type MediaRemedy = 'rebuild' | 'recover' | 'fail';

const REMEDIES: readonly MediaRemedy[] = ['rebuild', 'rebuild', 'recover', 'fail'];

/** Seconds without an error after which the next one begins with the quickest remedy again. */
const CALM_AFTER = 30;

/** Escalates from one media error to the next. */
export class MediaRecovery {
  #count = 0;
  #last = -Infinity;

  /** `now` in seconds. */
  next(now: number): MediaRemedy {
    if (now - this.#last > CALM_AFTER) this.#count = 0;
    this.#last = now;
    return REMEDIES[this.#count++ % REMEDIES.length]!;
  }
}

/** The longest wait (seconds) for a new section that does not grow to the live sync position. */
const LONGEST_WAIT = 1.5;

/** Seconds before the end of the buffer at which the rebuild begins, so that it is not seen. */
const EARLY = 0.1;

/**
 * Seconds to wait before the player is rebuilt for other tracks.
 *
 * `ahead` is what is left to play of the old tracks, `section` what the playlist has of the new
 * ones, `target` the distance to the live edge where playback begins: begun earlier, the rebuilt
 * player would meet the old tracks again.
 */
export function rebuildDelay(ahead: number, section: number, target: number): number {
  return Math.max(0, ahead - EARLY, Math.min(target - section, LONGEST_WAIT));
}

interface Track {
  codec?: string;
}

/** The tracks of an init segment: one of the three, as hls.js makes a buffer of each. */
export interface Tracks {
  audio?: Track;
  video?: Track;
  audiovideo?: Track;
}

interface Seen {
  readonly layout: string;
  readonly codecs: string;
}

/** Notices that the show goes on with other tracks than those that the player was built for. */
export class TrackWatch {
  readonly #byLevel = new Map<number, Seen>();

  /** Whether the media of `level` that follow, with `tracks`, need another player. */
  changes(level: number, { audio, video, audiovideo }: Tracks): boolean {
    const seen: Seen = {
      layout: audiovideo ? 'both' : video ? 'video' : 'audio',
      codecs: codecKinds((audiovideo ?? video ?? audio)?.codec ?? ''),
    };
    const before = this.#byLevel.get(level) ?? seen;
    const [first = seen] = this.#byLevel.values();
    this.#byLevel.set(level, seen);
    // Another rung may have another codec, but no rung alone has sound.
    return before.codecs !== seen.codecs || first.layout !== seen.layout;
  }
}

/** "AAC · H.264" for "avc1.64001f,mp4a.40.2" in any order: what is worth another player. */
export function codecKinds(codecs: string): string {
  return codecNames(codecs).split(' · ').sort().join(' · ');
}

/** Seconds of played media to keep, for short ways back. */
const BACK_BUFFER = 30;

/**
 * Seconds of played media to keep at `position`, where `keys` are the times of key frames.
 *
 * Where a browser drops a key frame it drops all that is decoded with it, to the next one: with
 * those far apart, what is shown just now.
 */
export function backBuffer(keys: readonly number[], position: number): number {
  const begun = Math.max(...keys.filter((key) => key <= position));
  return Math.max(BACK_BUFFER, position - begun + 1);
}
