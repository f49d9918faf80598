import { describe, expect, it, vi } from 'vitest';
import { clock, exactClock, parseClock } from '../src/lib/format';
import { chapterAt } from '../src/player/chapters';
import { videoWords } from '../src/player/overlay';
import { linkAt, parseTime, timeOf } from '../src/player/place';
import { parseStoryboard, tileAt } from '../src/player/storyboard';
import { nextSpeed } from '../src/player/speed';
import type { Command } from '../src/player/state';
import { View } from '../src/player/view';
import {
  initialVideoState,
  stepVideo,
  videoPhase,
  type VideoEvent,
  type VideoState,
} from '../src/player/video-state';

function play(...events: VideoEvent[]): { state: VideoState; commands: readonly Command[] } {
  let state = initialVideoState;
  let commands: readonly Command[] = [];
  for (const event of events) [state, commands] = stepVideo(state, event);
  return { state, commands };
}

const start: VideoEvent = { type: 'start' };
const playing: VideoEvent = { type: 'playing' };
const network: VideoEvent = { type: 'failed', failure: { kind: 'network' } };
const gone: VideoEvent = { type: 'failed', failure: { kind: 'gone' } };

describe('the player of a video', () => {
  it('waits to be started, and loads once', () => {
    expect(videoPhase(initialVideoState)).toBe('ready');
    expect(play(start).commands).toEqual([{ do: 'load' }]);
    expect(play(start, start).commands).toEqual([]);
    expect(videoPhase(play(start, playing).state)).toBe('playing');
  });

  it('retries a failure of the network later and later, and forgets it once it plays', () => {
    const first = play(start, playing, network);
    expect(videoPhase(first.state)).toBe('error');
    expect(first.commands).toEqual([{ do: 'unload' }, { do: 'retry-later', attempt: 0 }]);
    expect(play(start, network, { type: 'retry' }).commands).toEqual([{ do: 'load' }]);
    const second = play(start, network, { type: 'retry' }, network);
    expect(second.commands).toEqual([{ do: 'unload' }, { do: 'retry-later', attempt: 1 }]);
    expect(play(start, network, { type: 'retry' }, playing).state.attempt).toBe(0);
  });

  it('asks for a video that is gone again only when the person does', () => {
    const refused = play(start, gone);
    expect(refused.commands).toEqual([{ do: 'unload' }]);
    expect(videoWords(videoPhase(refused.state), refused.state.failure)?.title).toBe(
      'This video is not here',
    );
    expect(play(start, gone, start).commands).toEqual([]);
    expect(play(start, gone, { type: 'retry' }).commands).toEqual([{ do: 'load' }]);
  });

  it('loads anew what stands still', () => {
    expect(play(start, playing, { type: 'frozen' }).commands).toEqual([{ do: 'load' }]);
    expect(play(start, playing, { type: 'retry' }).commands).toEqual([]);
  });
});

describe('times', () => {
  it('are read as people and other players write them', () => {
    expect(['83', '83.5', '83s', '1m23s', '1h2m3s', '2h'].map(parseTime)).toEqual([
      83, 83.5, 83, 83, 3_723, 7_200,
    ]);
    expect(['', 'x', '-3', '1:23', '3m2h'].map(parseTime)).toEqual([null, null, null, null, null]);
  });
  it('stand in the query or in the fragment', () => {
    expect(timeOf('?t=83', '')).toBe(83);
    expect(timeOf('?lang=ko', '#t=1m')).toBe(60);
    expect(timeOf('', '#t=10,20')).toBe(10);
    expect(timeOf('', '#chapters')).toBeNull();
  });
  it('are put into links whole, and taken out again', () => {
    const link = linkAt('https://tv.example.org/v/abc?lang=ko', 83.9);
    expect(link).toBe('https://tv.example.org/v/abc?lang=ko&t=83');
    expect(linkAt(link, null)).toBe('https://tv.example.org/v/abc?lang=ko');
  });
  it('are shown with hours where there are any', () => {
    expect([0, 42.9, 725, 3_723, -1].map(clock)).toEqual([
      '0:00',
      '0:42',
      '12:05',
      '1:02:03',
      '0:00',
    ]);
  });
});

describe('speeds and chapters', () => {
  it('end at the slowest and the fastest speed', () => {
    expect([nextSpeed(1, 1), nextSpeed(2, 1), nextSpeed(1, -1), nextSpeed(0.5, -1)]).toEqual([
      1.25, 2, 0.75, 0.5,
    ]);
  });
  it('show the chapter that has begun', () => {
    const marks = [0, 60, 120].map((at) => ({ at, title: String(at) }));
    expect([0, 59.9, 60, 500].map((position) => chapterAt(marks, position))).toEqual([0, 0, 1, 2]);
    expect(chapterAt(marks.slice(1), 10)).toBe(-1);
  });
});

describe('the storyboard', () => {
  const list =
    'WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nstoryboard/1.jpg#xywh=0,0,192,108\n\n' +
    '00:00:02.000 --> 01:00:02.500\nstoryboard/1.jpg#xywh=192,108,192,108\n\n' +
    'NOTE nothing\n\n01:00:02.500 --> 01:00:09.000\nstoryboard/2.jpg#xywh=0,0,192,108\n';

  it('says which part of which sheet is shown at a time', () => {
    const tiles = parseStoryboard(list, 'https://a.example/vod/x/storyboard.vtt');
    expect(tiles.map(({ start }) => start)).toEqual([0, 2, 3602.5]);
    expect(tileAt(tiles, 1.9)).toBe(tiles[0]);
    expect(tileAt(tiles, 2)).toEqual({
      start: 2,
      src: 'https://a.example/vod/x/storyboard/1.jpg',
      x: 192,
      y: 108,
      width: 192,
      height: 108,
    });
    expect(tileAt(tiles, 9e9)).toBe(tiles[2]);
    expect(tileAt(tiles, -1)).toBe(tiles[0]);
    expect(tileAt([], 1)).toBeNull();
  });

  it('is empty where the answer is something else', () => {
    expect(parseStoryboard('<!doctype html>', 'https://a.example/')).toEqual([]);
  });
});

describe('times of a trim', () => {
  it('are written so that they are read the same again', () => {
    expect(exactClock(0)).toBe('0:00:00');
    expect(exactClock(3_723.44)).toBe('1:02:03.4');
    expect(exactClock(59.96)).toBe('0:01:00');
    for (const seconds of [0, 0.1, 59.9, 3_599.9, 90_000]) {
      expect(parseClock(exactClock(seconds))).toBe(seconds);
    }
  });

  it('are read as people write them', () => {
    expect(parseClock(' 62:03 ')).toBe(3_723);
    expect(parseClock('90,5')).toBe(90.5);
    expect(parseClock('')).toBeNull();
    expect(parseClock('1:2:3:4')).toBeNull();
    expect(parseClock('soon')).toBeNull();
  });
});

describe('A view', () => {
  it('is told once, after ten seconds of play', () => {
    const sent = vi.fn((_path: string, _request: RequestInit) =>
      Promise.resolve(new Response(null, { status: 204 })),
    );
    vi.stubGlobal('fetch', sent);
    const view = new View('Drum5atDusk1');
    for (let second = 1; second < 30; second += 1) {
      view.played(1);
      expect(sent).toHaveBeenCalledTimes(second < 10 ? 0 : 1);
    }
    expect(sent.mock.calls[0]).toMatchObject(['/api/v1/videos/Drum5atDusk1/views', { method: 'POST' }]);
    vi.unstubAllGlobals();
  });
});
