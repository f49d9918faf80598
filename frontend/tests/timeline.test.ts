import { describe, expect, it } from 'vitest';
import { bufferedTo, loaded, positionAt, within } from '../src/player/timeline';

/** Segments of two seconds from the date 1000 on, with a gap of 10 s behind the second. */
const segments = [1_000, 1_002, 1_014, 1_016].map((date, index) => ({
  start: index * 2,
  duration: 2,
  programDateTime: date * 1_000,
}));

describe('dates of a playlist', () => {
  it('reach from the first picture to the edge, which goes on between two answers', () => {
    const whole = { start: 1_000, end: 1_018.5, growing: false };
    expect(loaded(segments, 8.5, null)).toEqual(whole);
    expect(loaded(segments, 8.5, 1.5)).toEqual({ start: 1_000, end: 1_020, growing: true });
    expect(loaded([], 0, 0)).toBeNull();
    expect(loaded([{ start: 0, duration: 2, programDateTime: null }], 2, 0)).toBeNull();
  });
  it('are positions within it', () => {
    const at = (date: number): number | null => positionAt(segments, date, 8.5);
    expect([at(1_000), at(1_001), at(1_003.5), at(1_014), at(1_015)]).toEqual([0, 1, 3.5, 4, 5]);
    expect(at(1_008)).toBe(4); // in the gap: behind it
    expect([at(900), at(2_000)]).toEqual([0, 8.5]); // outside
    expect(positionAt([], 1_000, 0)).toBeNull();
  });
});

describe('the time line', () => {
  const ranges = (...of: [number, number][]) => ({
    length: of.length,
    start: (index: number) => of[index]![0],
    end: (index: number) => of[index]![1],
  });
  it('shows what is buffered without a hole', () => {
    expect(bufferedTo(ranges([0, 10], [20, 30]), 5)).toBe(10);
    expect(bufferedTo(ranges([0, 10], [20, 30]), 19.95)).toBe(30);
    expect(bufferedTo(ranges([0, 10]), 15)).toBe(15);
  });
  it('keeps a seek within what there is', () => {
    expect([-5, 5, 50].map((to) => within({ start: 0, end: 10 }, to))).toEqual([0, 5, 10]);
  });
});
