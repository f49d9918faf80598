import { language, t } from '../i18n';

/** How far the picture lags behind what happens, in seconds: one decimal below ten. */
export function latency(seconds: number): string {
  return seconds < 10 ? seconds.toFixed(1) : String(Math.round(seconds));
}

/** Seconds as "0:42", "12:05" or "1:02:03". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  const rest = two(whole % 60);
  return hours ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** Seconds as "0:12:05" or "0:12:05.4", as `parseClock` and the station read them. */
export function exactClock(seconds: number): string {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const two = (value: number): string => String(value).padStart(2, '0');
  const whole = Math.floor(tenths / 10);
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  const rest = tenths % 10 ? `.${tenths % 10}` : '';
  return `${hours}:${two(minutes)}:${two(whole % 60)}${rest}`;
}

/** Seconds of "1:02:03.5", "62:03" or "90"; null for what is no time. */
export function parseClock(text: string): number | null {
  const match = /^(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,8}(?:[.,]\d{1,6})?)$/.exec(text.trim());
  if (!match) return null;
  const [, hours = '0', minutes = '0', seconds = ''] = match;
  return Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds.replace(',', '.'));
}

/** "started 12 minutes ago", from an instant and now (both in milliseconds). */
export function startedAgo(since: number, now: number): string {
  const minutes = Math.max(0, Math.floor((now - since) / 60_000));
  if (minutes < 1) return t('startedNow');
  if (minutes < 60) return t('startedMinutes', { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t('startedHours', { h: hours, m: minutes % 60 });
  return t('startedDays', { n: Math.floor(hours / 24) });
}

/** "1,204 watching"; from ten thousand on in the language's short form ("1.2만", "12K"). */
export function viewers(count: number): string {
  const short = new Intl.NumberFormat(language, {
    notation: count >= 10_000 ? 'compact' : 'standard',
    maximumFractionDigits: 1,
  });
  return t('viewers', { n: short.format(count) });
}

/** Bits per second as "2.6 Mbps" or "128 kbps". */
export function bitRate(bits: number): string {
  return bits >= 1_000_000
    ? `${(bits / 1_000_000).toFixed(1)} Mbps`
    : `${Math.round(bits / 1_000)} kbps`;
}

/** Seconds as "0.33 s" in the page's language. */
export function seconds(value: number, digits = 1): string {
  return t('seconds', { n: value.toFixed(digits) });
}
