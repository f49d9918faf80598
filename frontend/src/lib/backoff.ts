/** Delay before attempt `attempt` (0 is the first retry), in milliseconds.
 *
 * Doubles up to `most`, and is spread over its upper half by `random` (0 to 1), so that a
 * thousand viewers cut off by one restart do not come back in the same instant.
 */
export function backoff(attempt: number, random: number, first = 1_000, most = 15_000): number {
  const ceiling = Math.min(most, first * 2 ** Math.min(attempt, 16));
  return ceiling * (0.5 + random / 2);
}
