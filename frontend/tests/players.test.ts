import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine, EngineEvents, Source } from '../src/player/engine';
import { NativeEngine } from '../src/player/native-engine';
import type { Failure } from '../src/player/state';
import { placeOf } from '../src/player/timeline';
import { mountVideo } from '../src/player/video';

vi.mock('../src/player/engines', () => ({
  createEngine: (_video: unknown, on: EngineEvents) => {
    events = on;
    return engine;
  },
}));
vi.mock('../src/player/seek-bar', () => ({ SeekBar: class { mark = vi.fn(); render = vi.fn(); } }));
vi.mock('../src/player/speed', () => ({ SpeedMenu: class { change = vi.fn(); } }));
vi.mock('../src/player/quality', () => ({ QualityMenu: class { render = vi.fn(); } }));
vi.mock('../src/player/chapters', () => ({
  Chapters: class { marks = []; show = vi.fn(); title = vi.fn(); },
}));
vi.mock('../src/player/chrome', () => ({}));

let events: EngineEvents;
const sources: Source[] = [];
const engine = { load: (source: Source) => sources.push(source), unload: vi.fn() } as unknown as Engine;

const RANGES = { length: 0, start: () => 0, end: () => 0 };

/** Any element of the page; as a media element it has nothing to play. */
class Fake extends EventTarget {
  [key: string]: unknown;
  dataset: Record<string, string> = {};
  hidden = false;
  textContent = '';
  paused = true;
  muted = false;
  volume = 1;
  readyState = 0;
  seeking = false;
  currentTime = 0;
  duration = NaN;
  seekable = RANGES;
  buffered = RANGES;
  readonly #parts = new Map<string, Fake>();
  querySelector(selector: string): Fake {
    const part = this.#parts.get(selector) ?? new Fake();
    this.#parts.set(selector, part);
    return part;
  }
  querySelectorAll(): Fake[] {
    return [];
  }
  closest(selector: string): Fake | null {
    return selector === '.embed' ? this : null;
  }
  hasAttribute(name: string): boolean {
    return name === 'src';
  }
  toggleAttribute = vi.fn();
  removeAttribute = vi.fn();
  canPlayType = (): string => 'maybe';
  load = vi.fn();
  async play(): Promise<void> {
    if (this.paused) {
      this.paused = false;
      this.dispatchEvent(new Event('play'));
    }
    if (this.readyState === 0) throw new DOMException('no source', 'NotSupportedError');
  }
}

const element = (fake: Fake): HTMLElement => fake as unknown as HTMLElement;

beforeEach(() => {
  vi.useFakeTimers();
  sources.length = 0;
  vi.stubGlobal('document', new Fake());
  vi.stubGlobal('Element', Fake);
  vi.stubGlobal('location', { search: '?t=83', hash: '', href: 'https://tv.example/v/a?t=83' });
  vi.stubGlobal('addEventListener', vi.fn());
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a video's player in another site's page", () => {
  let root: Fake;
  let video: Fake;
  const press = (key: string): void => {
    const event = Object.assign(new Event('keydown', { cancelable: true }), { key, code: '' });
    Object.defineProperty(event, 'target', { value: root });
    (document as unknown as Fake).dispatchEvent(event);
  };
  const happens = (type: string, state: Partial<Fake>): void => {
    Object.assign(video, state);
    video.dispatchEvent(new Event(type));
  };

  beforeEach(() => {
    root = new Fake();
    video = root.querySelector('video');
    // The help is closed, and the keys belong to the player.
    root.closest = (selector) => (selector === '.embed' ? root : null);
    Object.assign(root.querySelector('[data-help]'), { open: false });
    mountVideo(element(root));
  });

  it('is started by the keys K and Space, and by what else plays the element', () => {
    expect(sources).toEqual([]);
    press('k');
    expect(sources).toMatchObject([{ kind: 'video', at: 83 }]);
    video.dispatchEvent(new Event('play'));
    expect(sources).toHaveLength(1);
    expect(root.dataset['state']).toBe('loading');
  });

  it('keeps the place of its address until there is a picture of it', () => {
    press('k');
    happens('durationchange', { readyState: 1, duration: 600 });
    expect(root.dataset['place']).toBe('83.000');
    events.failed({ kind: 'network' });
    vi.advanceTimersByTime(60_000);
    expect(sources.map((source) => 'at' in source && source.at)).toEqual([83, 83]);
    happens('seeking', { seeking: true, currentTime: 83 });
    happens('timeupdate', { readyState: 4, seeking: false, currentTime: 84 });
    expect(root.dataset['place']).toBe('84.000');
  });

  it('goes where somebody went before there was anything of the video', () => {
    press('k');
    press('ArrowRight');
    happens('loadedmetadata', { readyState: 1 });
    expect(video.currentTime).toBe(88);
  });
});

describe('the place of a media element', () => {
  it('is the wished one until it is there or on its way', () => {
    const at = { seeking: false, currentTime: 0 };
    expect(placeOf({ ...at, readyState: 0 }, 83)).toBe(83);
    expect(placeOf({ ...at, readyState: 1 }, 83)).toBe(83);
    expect(placeOf({ readyState: 1, seeking: true, currentTime: 90 }, 83)).toBe(90);
    expect(placeOf({ readyState: 2, seeking: false, currentTime: 84 }, 83)).toBe(84);
  });
});

describe("the browser's own HLS", () => {
  const SOURCES: Record<string, Source> = {
    video: { kind: 'video', src: '/vod/a/index.m3u8', at: 0 },
    rewind: { kind: 'rewind', src: '/vod/a/index.m3u8', at: 0, began: 0 },
    live: { kind: 'live', src: '/live/yard/index.m3u8' },
  };

  async function failureOf(source: Source, status: number | null, code = 2): Promise<Failure[]> {
    const failures: Failure[] = [];
    const video = new Fake();
    vi.stubGlobal('MediaError', { MEDIA_ERR_DECODE: 3, MEDIA_ERR_SRC_NOT_SUPPORTED: 4 });
    vi.stubGlobal('fetch', async () => {
      if (status === null) throw new TypeError('no network');
      return { status, ok: status < 400, text: async () => '' };
    });
    const native = new NativeEngine(element(video) as HTMLVideoElement, {
      failed: (failure) => failures.push(failure),
      attached: vi.fn(),
      levelsChanged: vi.fn(),
    });
    native.load(source);
    video['error'] = { code };
    video.dispatchEvent(new Event('error'));
    await vi.advanceTimersByTimeAsync(1);
    return failures;
  }

  it('says that a video is gone where the station refuses it', async () => {
    for (const status of [401, 403, 404, 410]) {
      expect(await failureOf(SOURCES['video']!, status)).toEqual([{ kind: 'gone' }]);
      expect(await failureOf(SOURCES['rewind']!, status, 4)).toEqual([{ kind: 'gone' }]);
    }
  });

  it('tries again where the network or the station fails', async () => {
    expect(await failureOf(SOURCES['video']!, null)).toEqual([{ kind: 'network' }]);
    expect(await failureOf(SOURCES['video']!, 503)).toEqual([{ kind: 'network' }]);
    expect(await failureOf(SOURCES['live']!, 404)).toEqual([{ kind: 'network' }]);
    expect(await failureOf(SOURCES['video']!, 404, 3)).toEqual([{ kind: 'media' }]);
  });
});
