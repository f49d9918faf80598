import { describe, expect, test } from 'vitest';

import { RETRY_DELAYS, SMALLEST_CHUNK, Speed, smaller, verdict } from '../src/upload/chunks';
import { progress, refusal, titleOf } from '../src/upload/words';

describe('after a failure', () => {
  test('pieces shrink where nobody says why, down to a limit', () => {
    expect(verdict(null)).toBe('smaller');
    expect(verdict({ status: 413, own: false })).toBe('smaller');
    expect(smaller(64_000_000)).toBe(32_000_000);
    expect(smaller(5_000_000)).toBe(SMALLEST_CHUNK);
  });

  test('what passes is tried again, what the station refuses is not', () => {
    for (const status of [409, 423, 429, 500, 502, 503, 504]) expect(verdict({ status, own: true })).toBe('again');
    for (const status of [400, 401, 403, 410, 413, 507]) expect(verdict({ status, own: true })).toBe('stop');
  });

  test('it is tried for a day', () => {
    expect(RETRY_DELAYS.reduce((sum, delay) => sum + delay, 0)).toBeGreaterThan(24 * 3_600_000);
  });
});

test('speed is that of the last seconds', () => {
  const speed = new Speed();
  speed.add(0, 0);
  expect(speed.rate).toBeNull();
  for (let second = 1; second <= 10; second++) speed.add(second * 1_000_000, second * 1_000);
  expect(speed.rate).toBe(1_000_000);
  for (let second = 11; second <= 20; second++) speed.add(10_000_000, second * 1_000);
  expect(speed.rate).toBe(0);
  speed.clear();
  expect(speed.rate).toBeNull();
});

test('words', () => {
  expect(progress(12_000_000, 30_000_000, 3_000_000)).toBe('40% · 12 MB of 30 MB · 3 MB/s · 0:06 left');
  expect(progress(0, 0, null)).toBe('0% · 0 kB of 0 kB');
  expect(progress(1_400_000, 2_500_000_000, null)).toBe('0% · 1.4 MB of 2.5 GB');
  expect(titleOf('e\u0301te\u0301.2024.mp4')).toBe('\u00e9t\u00e9.2024');
  expect(titleOf('.mp4')).toBe('.mp4');
  expect(refusal(507, '')).toContain('no room');
  expect(refusal(413, '{"detail": "Your videos may take 1 GB."}')).toContain('may take 1 GB');
  expect(refusal(413, '<html>')).toBe('The file is too large.');
  expect(refusal(null, '')).toContain('cannot be reached');
});
