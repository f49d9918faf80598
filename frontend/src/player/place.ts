/** Times in addresses: `?t=83`, `#t=1m23s`. Pure: no page. */

/** Return the seconds of "83", "83.5", "83s" or "1h2m3s"; null for anything else. */
export function parseTime(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (!parts || text === '') return null;
  const [hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return hours * 3_600 + minutes * 60 + seconds;
}

/** Return the seconds that an address asks for by `?t=` or `#t=`; null where it does not. */
export function timeOf(search: string, hash: string): number | null {
  const asked =
    new URLSearchParams(search).get('t') ?? new URLSearchParams(hash.slice(1)).get('t');
  // Media fragments have an end as well: `#t=10,20`.
  return asked === null ? null : parseTime(asked.split(',')[0]!);
}

/** Return an address that begins to play at `seconds`, or one that does not where it is null. */
export function linkAt(address: string, seconds: number | null): string {
  const url = new URL(address);
  if (seconds === null) url.searchParams.delete('t');
  else url.searchParams.set('t', String(Math.floor(seconds)));
  return url.href;
}
