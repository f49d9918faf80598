/** The time line of a player and the mapping of dates to positions. Pure: no clock, no page. */

/** What the seek bar shows: seconds of a video, or seconds since 1970 of a show. */
export interface Timeline {
  start: number;
  end: number;
  position: number;
  /** End of what is buffered without a hole from `position` on. */
  buffered: number;
}

/** Dates in seconds since 1970. */
export interface Span {
  start: number;
  end: number;
}

/** Dates of a playlist, and whether it still grows. */
export interface Loaded extends Span {
  growing: boolean;
}

/** A segment of a playlist: `start` and `duration` in seconds, `programDateTime` in milliseconds. */
export interface Dated {
  readonly start: number;
  readonly duration: number;
  readonly programDateTime: number | null;
}

/** Return the segments of a media playlist (RFC 8216bis, section 4.4). */
export function segmentsOf(playlist: string): Dated[] {
  const segments: Dated[] = [];
  let start = 0;
  let duration = 0;
  let date: number | null = null;
  for (const line of playlist.split(/\r?\n/)) {
    const [, tag, value = ''] = /^#(EXTINF|EXT-X-PROGRAM-DATE-TIME):([^,]*)/.exec(line) ?? [];
    if (tag === 'EXTINF') duration = Number(value);
    else if (tag) date = Date.parse(value);
    else if (line && !line.startsWith('#')) {
      segments.push({ start, duration, programDateTime: date });
      start += duration;
      if (date !== null) date += duration * 1_000;
    }
  }
  return segments;
}

/** Return the first address in a playlist; "" where there is none. */
export function firstUri(playlist: string): string {
  return playlist.split(/\r?\n/).find((line) => line && !line.startsWith('#')) ?? '';
}

/**
 * Return the dates of a playlist that ends at `edge`.
 *
 * `age`: seconds since it last grew; null where it is complete.
 */
export function loaded(segments: readonly Dated[], edge: number, age: number | null): Loaded | null {
  const first = segments[0];
  const last = segments.at(-1);
  if (first?.programDateTime == null || last?.programDateTime == null) return null;
  return {
    start: first.programDateTime / 1_000,
    end: last.programDateTime / 1_000 + (edge - last.start) + (age ?? 0),
    growing: age !== null,
  };
}

/**
 * Return the position (seconds) of a date; null where the playlist has no dates.
 *
 * A date in a gap is the position behind it, a date outside of the playlist that of its first or
 * last picture.
 */
export function positionAt(
  segments: readonly Dated[],
  date: number,
  edge: number,
): number | null {
  let low = 0;
  let high = segments.length;
  // The number of segments that begin at `date` or before it; a day of them is a long list.
  while (low < high) {
    const middle = (low + high) >> 1;
    const begun = segments[middle]!.programDateTime;
    if (begun === null) return null;
    if (begun / 1_000 <= date) low = middle + 1;
    else high = middle;
  }
  const segment = segments[Math.max(0, low - 1)];
  if (segment?.programDateTime == null) return null;
  const into = Math.max(0, date - segment.programDateTime / 1_000);
  const length = low >= segments.length ? edge - segment.start : segment.duration;
  return segment.start + Math.min(into, length);
}

/**
 * Return the date (seconds since 1970) of a position; null where the playlist has no dates.
 *
 * A position outside of the playlist has the date of its first picture or of its end.
 */
export function dateAt(segments: readonly Dated[], position: number): number | null {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle]!.start <= position) low = middle + 1;
    else high = middle;
  }
  const segment = segments[Math.max(0, low - 1)];
  if (segment?.programDateTime == null) return null;
  const into = Math.min(Math.max(0, position - segment.start), segment.duration);
  return segment.programDateTime / 1_000 + into;
}

interface Ranges {
  readonly length: number;
  start(index: number): number;
  end(index: number): number;
}

/** Holes that browsers play over (seconds). */
const HOLE = 0.1;

/** Return the end of the buffered range that contains `position`, or `position`. */
export function bufferedTo(ranges: Ranges, position: number): number {
  for (let index = 0; index < ranges.length; index += 1) {
    const end = ranges.end(index);
    if (ranges.start(index) - HOLE <= position && position <= end) return end;
  }
  return position;
}

interface Playhead {
  readonly readyState: number;
  readonly seeking: boolean;
  readonly currentTime: number;
}

/**
 * Return the position of a media element, or `wished` while it is not there yet.
 *
 * With metadata alone (readyState 1) it stands at 0, wherever it is going to begin.
 */
export function placeOf({ readyState, seeking, currentTime }: Playhead, wished: number): number {
  return readyState >= 2 || (readyState === 1 && seeking) ? currentTime : wished;
}

/** Return the `seconds` kept within the time line. */
export function within({ start, end }: Span, seconds: number): number {
  return Math.min(Math.max(seconds, start), Math.max(start, end));
}
