/** Further behind the wished latency than this (seconds), the live button offers to go back. */
export const BEHIND_AFTER = 3;

/** Clocks that disagree more than this (seconds) make the wall-clock reading worthless. */
const CLOCK_TOLERANCE = 2.5;

/**
 * Seconds between the event and the screen.
 *
 * `wall` is now minus EXT-X-PROGRAM-DATE-TIME of the shown picture: the truth if the viewer's
 * clock is right. `edge` is the distance to the estimated live edge: independent of clocks,
 * blind to what happens before the playlist. The first is taken where the second confirms it.
 */
export function shownLatency(wall: number | null, edge: number | null): number | null {
  if (edge === null) return wall !== null && wall >= 0 && wall < 120 ? wall : null;
  if (wall === null || wall < 0 || Math.abs(wall - edge) > CLOCK_TOLERANCE) return edge;
  return wall;
}

export function isBehind(latency: number | null, target: number): boolean {
  return latency !== null && latency > target + BEHIND_AFTER;
}
