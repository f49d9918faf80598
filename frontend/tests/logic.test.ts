import { describe, expect, it } from 'vitest';
import { en } from '../src/i18n/en';
import { ko } from '../src/i18n/ko';
import { fill } from '../src/i18n';
import { backoff } from '../src/lib/backoff';
import { codecName, codecNames, refusedCodecs } from '../src/lib/codecs';
import { bitRate, latency, startedAgo, viewers } from '../src/lib/format';
import { parseHealth } from '../src/lib/health';
import { parseLive, parseStatus, statusInterval } from '../src/lib/status';
import { keyName } from '../src/player/keys';
import { isBehind, shownLatency } from '../src/player/latency';
import { Watchdog } from '../src/player/watchdog';

describe('backoff', () => {
  it('doubles up to its ceiling', () => {
    expect([0, 1, 2, 3].map((attempt) => backoff(attempt, 1))).toEqual([1000, 2000, 4000, 8000]);
    expect(backoff(50, 1)).toBe(15_000);
  });
  it('spreads over the upper half', () => {
    expect(backoff(2, 0)).toBe(2000);
    expect(backoff(2, 0.5)).toBe(3000);
  });
});

describe('words and numbers', () => {
  it('says since when, without ever going into the future', () => {
    const now = Date.UTC(2026, 0, 1, 12);
    expect(startedAgo(now + 5_000, now)).toBe('Just started');
    expect(startedAgo(now - 12 * 60_000, now)).toBe('Started 12 min ago');
    expect(startedAgo(now - 75 * 60_000, now)).toBe('Started 1 h 15 min ago');
    expect(startedAgo(now - 49 * 3_600_000, now)).toBe('Started 2 d ago');
  });
  it('shortens large audiences', () => {
    expect(viewers(1_204)).toBe('1,204 watching');
    expect(viewers(12_034)).toBe('12K watching');
  });
  it('shows one decimal of latency below ten seconds', () => {
    expect(latency(1.84)).toBe('1.8');
    expect(latency(12.4)).toBe('12');
  });
  it('chooses the unit of a bit rate', () => {
    expect(bitRate(2_600_000)).toBe('2.6 Mbps');
    expect(bitRate(128_000)).toBe('128 kbps');
  });
});

describe('latency', () => {
  it('believes the clock where the live edge confirms it', () => {
    expect(shownLatency(1.9, 1.2)).toBe(1.9);
  });
  it('falls back on the live edge when the clock of the viewer is wrong', () => {
    expect(shownLatency(-40, 1.2)).toBe(1.2);
    expect(shownLatency(95, 1.2)).toBe(1.2);
  });
  it('is unknown when nothing is known', () => {
    expect(shownLatency(null, null)).toBeNull();
    expect(isBehind(null, 1)).toBe(false);
  });
  it('calls it behind from three seconds over the target', () => {
    expect(isBehind(3.9, 1)).toBe(false);
    expect(isBehind(4.1, 1)).toBe(true);
  });
});

const reading = (now: number, position: number, paused = false, expected = true, live = true) => ({
  now,
  position,
  paused,
  expected,
  live,
});

describe('the watchdog', () => {
  it('leaves a moving picture alone, and one that somebody paused', () => {
    const dog = new Watchdog();
    for (let second = 0; second < 30; second += 1) {
      expect(dog.tick(reading(second, second))).toBe('none');
    }
    for (let second = 30; second < 60; second += 1) {
      expect(dog.tick(reading(second, 29, true, false))).toBe('none');
    }
  });
  it('plays what nobody paused', () => {
    const dog = new Watchdog();
    dog.tick(reading(0, 5));
    expect(dog.tick(reading(1, 5, true))).toBe('play');
    expect(dog.tick(reading(2, 5, true))).toBe('play');
    expect(dog.tick(reading(3, 6))).toBe('none');
  });
  it('jumps to live once, then reloads', () => {
    const dog = new Watchdog();
    dog.tick(reading(0, 5));
    const remedies = Array.from({ length: 14 }, (_, index) => dog.tick(reading(index + 1, 5)));
    expect(remedies.filter((remedy) => remedy === 'seek-live')).toHaveLength(1);
    expect(remedies.indexOf('seek-live')).toBe(6);
    expect(remedies.indexOf('reload')).toBe(12);
  });
  it('waits behind the live edge, where nothing is to be caught up with', () => {
    const dog = new Watchdog();
    const tick = (now: number): string => dog.tick(reading(now, 5, false, true, false));
    const remedies = Array.from({ length: 40 }, (_, now) => tick(now));
    expect(remedies.filter((remedy) => remedy !== 'none')).toEqual(['reload']);
  });
  it('takes a gap between ticks for sleep', () => {
    const dog = new Watchdog();
    dog.tick(reading(0, 5));
    expect(dog.tick(reading(60, 5.2))).toBe('seek-live');
  });
});

describe('the keyboard', () => {
  it('is the same with and without Hangul', () => {
    expect(keyName('k', 'KeyK')).toBe('k');
    expect(keyName('K', 'KeyK')).toBe('k');
    expect(keyName('ㅏ', 'KeyK')).toBe('k');
    expect(keyName('?', 'Slash')).toBe('?');
    expect(keyName('ArrowUp', 'ArrowUp')).toBe('ArrowUp');
  });
});

describe('codecs', () => {
  it('names them as people do', () => {
    expect(codecName('hvc1.1.6.L93.B0')).toBe('H.265 (HEVC)');
    expect(codecNames('avc1.64001f, mp4a.40.2')).toBe('H.264 · AAC');
    expect(codecName('xyz9')).toBe('xyz9');
  });
  it('lists each one that the browser refuses, once', () => {
    const plays = (codec: string): boolean => codec.startsWith('mp4a');
    expect(refusedCodecs('hvc1.1.6.L93.B0,mp4a.40.2,hev1.1', plays)).toEqual(['H.265 (HEVC)']);
  });
});

describe('what the station says', () => {
  const status = {
    slug: 'sori',
    state: 'live',
    since: '2026-01-01T12:00:00Z',
    viewers: 12,
    title: 'T',
    description: '',
    poster: null,
    part_target: 0.33,
    renditions: [
      {
        name: 'source',
        width: 1280,
        height: 720,
        frame_rate: null,
        codecs: 'avc1.64001f',
        bitrate: 4e6,
      },
    ],
  };
  it('is read into values', () => {
    const read = parseStatus(status);
    expect(read.since?.toISOString()).toBe('2026-01-01T12:00:00.000Z');
    expect(read.renditions[0]).toMatchObject({ name: 'source', frameRate: null, height: 720 });
    expect(parseLive({ live: [status] })).toHaveLength(1);
    expect(read).toMatchObject({ rewindUrl: null, recordingId: null });
    const kept = parseStatus({ ...status, rewind_url: '/vod/a/index.m3u8', recording_id: 'a' });
    expect(kept).toMatchObject({ rewindUrl: '/vod/a/index.m3u8', recordingId: 'a' });
  });
  it('is refused where it is something else', () => {
    expect(() => parseStatus({ ...status, state: 'asleep' })).toThrow(TypeError);
    expect(() => parseStatus([])).toThrow(TypeError);
    expect(() => parseHealth({ state: 'live', status: 3 })).toThrow(TypeError);
  });
  it('may lack readings while nothing comes in', () => {
    const health = parseHealth({ state: 'offline', status: null, advice: [] });
    expect(health.readings.bitrate).toBeNull();
  });
  it('is asked for more often while a viewer waits', () => {
    expect(statusInterval('offline')).toBeLessThan(statusInterval('live'));
  });
});

describe('the dictionaries', () => {
  const marks = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
  it('have the same keys and the same marks', () => {
    expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort());
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect([key, marks(ko[key])]).toEqual([key, marks(en[key])]);
    }
  });
  it('leave a mark without a value in sight', () => {
    expect(fill('{a} {b}', { a: 1 })).toBe('1 {b}');
  });
});
