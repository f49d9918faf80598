import { language, t, type Key } from '../i18n';
import { clock } from '../lib/format';
import { fields, string } from '../lib/status';
import type { Refusal } from './transfer';

const UNITS = [
  [1e9, 'gigabyte'],
  [1e6, 'megabyte'],
  [1e3, 'kilobyte'],
] as const;

/** Bytes as "340 kB", "12 MB" or "1.4 GB". */
export function bytes(count: number): string {
  const [size, unit] = UNITS.find(([size]) => count >= size) ?? UNITS[2];
  const digits = count >= 1e6 && count / size < 10 ? 1 : 0;
  const format = { style: 'unit', unit, maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(language, format).format(count / size);
}

/** "41% · 12 MB of 30 MB · 3 MB/s · 0:06 left". */
export function progress(sent: number, total: number, rate: number | null): string {
  const share = total ? Math.floor((sent / total) * 100) : 0;
  const parts = [`${share}%`, t('uploadOf', { sent: bytes(sent), total: bytes(total) })];
  if (rate) {
    parts.push(`${bytes(rate)}/s`, t('uploadLeft', { time: clock((total - sent) / rate) }));
  }
  return parts.join(' · ');
}

const BY_STATUS: Readonly<Record<number, Key>> = {
  401: 'uploadSignIn',
  403: 'uploadForbidden',
  507: 'uploadNoSpace',
};

/** The reason for a refusal, in words; the station's own `detail` where it says more. */
export function refusal(refusal: Refusal): string {
  if (refusal === 'unreadable') return t('uploadUnreadable');
  if (refusal === 'other-account') return t('uploadOtherAccount');
  const { status, body } = refusal;
  if (status === null) return t('uploadUnreachable');
  const known = BY_STATUS[status];
  if (known) return t(known);
  try {
    const { detail } = fields(JSON.parse(body));
    if (string(detail)) return t('uploadRefused', { reason: string(detail) ?? '' });
  } catch {
    // not the station's answer
  }
  return t(status === 413 ? 'uploadTooLarge' : 'uploadFailed');
}

/** The title of a video by the name of its file. */
export function titleOf(filename: string): string {
  return filename.normalize('NFC').replace(/\.[^.]{1,8}$/, '').trim() || filename;
}
