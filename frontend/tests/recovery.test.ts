import { describe, expect, it } from 'vitest';
import { backBuffer, codecKinds, MediaRecovery, rebuildDelay, TrackWatch } from '../src/player/recovery';

describe('media errors', () => {
  it('are met with more each time, and begin anew after a failure or a quiet time', () => {
    const recovery = new MediaRecovery();
    const remedies = [0, 5, 10, 12, 13, 60].map((now) => recovery.next(now));
    expect(remedies).toEqual(['rebuild', 'rebuild', 'recover', 'fail', 'rebuild', 'rebuild']);
  });
});

describe('tracks that change', () => {
  const silent = { video: { codec: 'avc1.42c01e' } };
  const withSound = { audiovideo: { codec: 'mp4a.40.2,avc1.64001f' } };

  it('need another player when sound comes or goes', () => {
    const watch = new TrackWatch();
    expect(watch.changes(0, silent)).toBe(false);
    expect(watch.changes(0, withSound)).toBe(true);
    expect(watch.changes(0, silent)).toBe(true);
  });
  it('need another player for another codec, not for another profile', () => {
    const watch = new TrackWatch();
    watch.changes(0, withSound);
    expect(watch.changes(0, { audiovideo: { codec: 'mp4a.40.2,avc1.42c01e' } })).toBe(false);
    expect(watch.changes(0, { audiovideo: { codec: 'mp4a.40.2,hvc1.1.6.L93.B0' } })).toBe(true);
  });
  it('may differ in codec between the levels of a ladder, but not in what there is', () => {
    const watch = new TrackWatch();
    watch.changes(0, { audiovideo: { codec: 'mp4a.40.2,hvc1.1.6.L93.B0' } });
    expect(watch.changes(1, withSound)).toBe(false);
    expect(watch.changes(1, withSound)).toBe(false);
    expect(watch.changes(2, silent)).toBe(true);
  });
  it('are compared by kind, in any order', () => {
    expect(codecKinds('avc1.64001f,mp4a.40.2')).toBe('AAC · H.264');
    expect(codecKinds('mp4a.40.2, avc1.42c01e')).toBe('AAC · H.264');
    expect(codecKinds('')).toBe('');
  });
});

describe('the rebuild', () => {
  it('comes when the old tracks are played out', () => {
    expect(rebuildDelay(1.1, 3, 1)).toBeCloseTo(1);
    expect(rebuildDelay(0, 3, 1)).toBe(0);
  });
  it('waits until playback would begin with the new ones, but not for long', () => {
    expect(rebuildDelay(0, 0.25, 1)).toBe(0.75);
    expect(rebuildDelay(0, 0, 6)).toBe(1.5);
  });
});

describe('played media', () => {
  it('are dropped half a minute behind the picture', () => {
    expect(backBuffer([0, 2, 4, 58, 60, 62], 61.5)).toBe(30);
  });
  it('are kept from the key frame on that the picture needs', () => {
    expect(backBuffer([0, 100], 90)).toBe(91);
    expect(backBuffer([], 90)).toBe(Infinity);
  });
});
