import { beforeEach, describe, expect, it, vi } from 'vitest';
import { forgetVideo, leaveVideo, leftAt, leftVideos, MOST } from '../src/lib/watched';

const kept = new Map<string, string>();

beforeEach(() => {
  kept.clear();
  vi.stubGlobal('localStorage', {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  });
});

const leave = (id: string, at: number, length = 1_000): void => leaveVideo({ id, at, length, when: at });

describe('a video that was left', () => {
  it('is remembered where it was, the newest first', () => {
    leave('a', 100);
    leave('b', 200);
    leave('a', 300);
    expect(leftAt('a')).toBe(300);
    expect(leftVideos().map((each) => each.id)).toEqual(['a', 'b']);
  });

  it('is not where it has only begun, and no longer where somebody went back to its beginning', () => {
    leave('a', 14);
    expect(leftAt('a')).toBeNull();
    leave('a', 15);
    expect(leftAt('a')).toBe(15);
    leave('a', 3);
    expect(leftAt('a')).toBeNull();
  });

  it.each([
    [970, 1_000, true],
    [971, 1_000, false],
    [85, 100, true],
    [86, 100, false],
    [500, 0, true],
  ])('at %d of %d s is remembered: %s', (at, length, remembered) => {
    leave('a', at, length);
    expect(leftAt('a') !== null).toBe(remembered);
  });

  it('is forgotten once its end was watched, or somebody says so', () => {
    leave('a', 500);
    leave('b', 500);
    leave('a', 999);
    expect(leftVideos().map((each) => each.id)).toEqual(['b']);
    forgetVideo('b');
    expect(kept.size).toBe(0);
  });

  it('makes room for newer ones', () => {
    for (let number = 0; number <= MOST; number += 1) leave(`v${number}`, 100);
    expect(leftVideos()).toHaveLength(MOST);
    expect(leftAt('v0')).toBeNull();
  });

  it.each(['', 'no', '{}', '[1]', 'null'])('survives what is kept there: %s', (text) => {
    kept.set('madang.videos.left', text);
    expect(leftVideos()).toEqual([]);
    leave('a', 100);
    expect(leftAt('a')).toBe(100);
  });

  it('is not remembered where a browser keeps nothing', () => {
    vi.stubGlobal('localStorage', undefined);
    leave('a', 100);
    expect(leftAt('a')).toBeNull();
  });
});
