import type { Failure } from './state';
import type { Loaded } from './timeline';

export interface QualityLevel {
  index: number;
  name: string;
}

/**
 * What an engine plays: the live edge, a show that is on from its beginning, or a video.
 *
 * `at` is where playback begins: a date in seconds since 1970, or seconds of the video. `began` is
 * the date of the show's first second as far as it is known.
 */
export type Source =
  | { kind: 'live'; src: string }
  | { kind: 'rewind'; src: string; at: number; began: number }
  | { kind: 'video'; src: string; at: number };

/** Answers that mean: there is no such video, at least not for this person. */
const REFUSALS: readonly number[] = [401, 403, 404, 410];

/** Return what a failed request for a source means; `status` is 0 where nothing answered. */
export function refusal({ kind }: Source, status: number): Failure {
  return { kind: kind !== 'live' && REFUSALS.includes(status) ? 'gone' : 'network' };
}

/** What plays the stream: hls.js, or the browser itself where it has no Media Source. */
export interface Engine {
  load(source: Source): void;
  unload(): void;
  goLive(): void;
  /** Plays anew where the engine does not see by itself that the show has other codecs now. */
  codecsChanged(): void;
  /** Takes how many levels the station offers by now: more than it had, where a ladder began. */
  offered(levels: number): void;
  /** Distance to the estimated live edge in seconds; null while unknown. */
  edgeLatency(): number | null;
  targetLatency(): number;
  /** Wall-clock instant of the shown picture, from EXT-X-PROGRAM-DATE-TIME. */
  playingDate(): Date | null;
  /** Dates that the loaded playlist has, to the edge of the show while it goes on. */
  loaded(): Loaded | null;
  /** Date (seconds since 1970) of a position, and position (seconds) of a date; null while unknown. */
  dateAt(position: number): number | null;
  positionAt(date: number): number | null;
  /** Goes to a date (seconds since 1970) of the loaded playlist. */
  seekDate(date: number): void;
  levels(): QualityLevel[];
  /** Index of the level that is wished for (-1: automatic) and of the one that plays. */
  level(): { wished: number; playing: number };
  choose(index: number): void;
}

export interface EngineEvents {
  failed: (failure: Failure) => void;
  /** The engine attached its media, which leaves the video paused. */
  attached: () => void;
  levelsChanged: () => void;
}

/** PART-HOLD-BACK of the default parts of 0.33 s, until the playlist has said its own. */
export const USUAL_TARGET = 1;
