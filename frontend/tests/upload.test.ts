import { expect, test } from 'vitest';

import { Speed } from '../src/upload/chunks';
import { progress, refusal, titleOf } from '../src/upload/words';

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
  expect(refusal({ status: 507, body: '' })).toContain('no room');
  expect(refusal({ status: 413, body: '{"detail": "Your videos may take 1 GB."}' })).toContain('may take 1 GB');
  expect(refusal({ status: 413, body: '<html>' })).toBe('The file is too large.');
  expect(refusal('unreadable')).toContain('Choose it again');
  expect(refusal({ status: null, body: '' })).toContain('cannot be reached');
});
