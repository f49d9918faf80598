import { fields, list, number, string } from './status';
import { recall, remember } from './storage';

/** Where somebody has left a video; kept by this browser alone. Times in seconds, `when` in
 * milliseconds since 1970. */
export interface LeftVideo {
  id: string;
  at: number;
  length: number;
  when: number;
}

/** Videos that are remembered: the newest. */
export const MOST = 100;
/** Seconds of a beginning that is not worth going on from. */
const BEGINNING = 15;
/** Share of the length, and seconds, of an end that counts as watched. */
const END_SHARE = 0.03;
const END = 15;

const NAME = 'videos.left';

/** The videos that were left, the newest first. */
export function leftVideos(): LeftVideo[] {
  try {
    return list(JSON.parse(recall(NAME) ?? '[]')).map((each) => {
      const known = fields(each);
      return {
        id: string(known['id']),
        at: number(known['at']) ?? 0,
        length: number(known['length']) ?? 0,
        when: number(known['when']) ?? 0,
      };
    });
  } catch {
    return []; // not ours
  }
}

/** Where a video was left; null where it was not. */
export function leftAt(id: string): number | null {
  return leftVideos().find((each) => each.id === id)?.at ?? null;
}

/** Remembers where a video is left, or forgets it where all of it was watched. */
export function leaveVideo(left: LeftVideo): void {
  if (left.length > 0 && left.at > left.length - Math.max(END, left.length * END_SHARE)) forgetVideo(left.id);
  else if (left.at >= BEGINNING) keep([left, ...others(left.id)]);
  else if (leftAt(left.id) !== null) forgetVideo(left.id);
}

export function forgetVideo(id: string): void {
  keep(others(id));
}

function others(id: string): LeftVideo[] {
  return leftVideos().filter((each) => each.id !== id);
}

function keep(videos: LeftVideo[]): void {
  remember(NAME, videos.length ? JSON.stringify(videos.slice(0, MOST)) : null);
}
