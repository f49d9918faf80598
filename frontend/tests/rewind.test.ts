import { describe, expect, it } from 'vitest';
import { caughtUp, isOn, kept, route, showSpan, type View } from '../src/player/rewind';
import {
  initialState,
  phase,
  step,
  type Command,
  type PlayerEvent,
  type PlayerState,
} from '../src/player/state';

const SRC = '/vod/abc/index.m3u8';
/** An hour of a show; the live window has its last 30 s. */
const offer = { src: SRC, began: 1_000 };
const window = { start: 4_570, end: 4_600, growing: true };
const atEdge: View = { offer, rewind: null, loaded: window };
const behind: View = {
  offer,
  rewind: { ...offer, at: 2_000 },
  loaded: { start: 1_001, end: 4_600, growing: true },
};

describe('the seek bar of a show', () => {
  it('covers the whole show where it can be rewound, and is not there otherwise', () => {
    expect(showSpan(atEdge)).toEqual({ start: 1_000, end: 4_600 });
    expect(showSpan(behind)).toEqual({ start: 1_000, end: 4_600 });
    expect(showSpan({ ...atEdge, offer: null })).toBeNull();
    expect(showSpan({ ...atEdge, loaded: null })).toBeNull();
  });
  it('stays with the show that is watched when the next one begins', () => {
    const next = { src: '/vod/def/index.m3u8', began: 5_000 };
    expect(showSpan({ ...behind, offer: next })).toEqual({ start: 1_000, end: 4_600 });
    expect([isOn(atEdge), isOn(behind), isOn({ ...behind, offer: next })]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('a seek', () => {
  it('stays in the live window where it can', () => {
    expect(route(4_590, atEdge)).toBe('here');
    expect(route(4_597, atEdge)).toBe('live');
    expect(route(9_999, atEdge)).toBe('live');
  });
  it('takes the long playlist further back, no further than the beginning', () => {
    expect(route(4_571, atEdge)).toEqual({ rewind: { ...offer, at: 4_571 } });
    expect(route(0, atEdge)).toEqual({ rewind: { ...offer, at: 1_000 } });
  });
  it('stays in the window of a show that cannot be rewound', () => {
    expect(route(0, { ...atEdge, offer: null })).toBe('here');
  });
  it('stays in the long playlist until the live edge, and to the end of a show that is over', () => {
    expect(route(4_580, behind)).toBe('here');
    expect(route(4_595, behind)).toBe('live');
    expect(route(4_595, { ...behind, offer: null })).toBe('here');
    const complete: View = { ...behind, loaded: { ...behind.loaded!, growing: false } };
    expect(route(4_595, complete)).toBe('here');
    expect(caughtUp(complete, { shown: 4_599, speed: 2, starved: true })).toBe(false);
  });
});

describe('playing faster', () => {
  const at = (shown: number, speed: number, starved: boolean) => ({ shown, speed, starved });
  it('ends at the live edge', () => {
    expect(caughtUp(behind, at(4_500, 2, false))).toBe(false);
    expect(caughtUp(behind, at(4_595, 2, false))).toBe(true);
    // The long playlist ends before the live edge.
    expect(caughtUp(behind, at(4_580, 2, true))).toBe(true);
    expect(caughtUp(behind, at(4_580, 1, true))).toBe(false);
    expect(caughtUp(atEdge, at(4_599, 2, false))).toBe(false);
    expect(caughtUp({ ...behind, offer: null }, at(4_599, 2, false))).toBe(false);
  });
});

describe('a pause', () => {
  it('outlasts the end of the show where that can be rewound', () => {
    expect(kept(4_590, atEdge)).toEqual({ ...offer, at: 4_590 });
    expect(kept(null, atEdge)).toBeNull();
    expect(kept(4_590, { ...atEdge, offer: null })).toBeNull();
    expect(kept(4_590, behind)).toBeNull();
  });
});

function play(...events: PlayerEvent[]): { state: PlayerState; commands: readonly Command[] } {
  let state = initialState;
  let commands: readonly Command[] = [];
  for (const event of events) [state, commands] = step(state, event);
  return { state, commands };
}

const status = (state: 'offline' | 'starting' | 'live' | 'interrupted'): PlayerEvent => ({
  type: 'status',
  state,
  codecs: '',
});
const playing: PlayerEvent = { type: 'playing' };
const rewind: PlayerEvent = { type: 'rewind', to: { ...offer, at: 2_000 } };
const goLive: PlayerEvent = { type: 'go-live' };
const network: PlayerEvent = { type: 'failed', failure: { kind: 'network' } };
const watching = [status('live'), playing, rewind, playing] as const;

describe('the player behind a show', () => {
  it('loads once for the way back and once for the return', () => {
    expect(play(status('live'), playing, rewind).commands).toEqual([{ do: 'load' }]);
    expect(play(...watching, status('live')).commands).toEqual([]);
    const live = play(...watching, goLive);
    expect(live.commands).toEqual([{ do: 'load' }]);
    expect(live.state.rewind).toBeNull();
  });
  it('only seeks to the live edge from within its window', () => {
    expect(play(status('live'), playing, goLive).commands).toEqual([{ do: 'seek-live' }]);
  });
  it('goes nowhere before anything is played', () => {
    expect(play(status('offline'), rewind).commands).toEqual([]);
  });
  it('plays on whatever the channel does meanwhile', () => {
    for (const later of ['interrupted', 'offline', 'starting', 'live'] as const) {
      const { state, commands } = play(...watching, ...Array(5).fill(status(later)));
      expect(commands).toEqual([]);
      expect(phase(state)).toBe('live');
    }
  });
  it('watches a show that is over to its end, and takes up the next', () => {
    const over = play(...watching, status('offline'), goLive);
    expect(over.commands).toEqual([]);
    const end = play(...watching, status('offline'), { type: 'finished' });
    expect(end.commands).toEqual([{ do: 'unload' }]);
    expect(phase(end.state)).toBe('ended');
    const next = play(...watching, status('offline'), { type: 'finished' }, status('live'));
    expect(next.commands).toEqual([{ do: 'load' }]);
    expect(next.state.rewind).toBeNull();
  });
  it('retries where it was, and gives up for the live edge', () => {
    const first = play(...watching, network);
    expect(phase(first.state)).toBe('error');
    expect(first.commands).toEqual([{ do: 'unload' }, { do: 'retry-later', attempt: 0 }]);
    const again = play(...watching, network, { type: 'retry' });
    expect(again.state.rewind).not.toBeNull();
    const retry: PlayerEvent = { type: 'retry' };
    const third = play(...watching, network, retry, network, retry, network);
    expect(third.commands).toEqual([{ do: 'load' }]);
    expect(third.state.rewind).toBeNull();
    expect(phase(third.state)).toBe('live');
  });
  it('retries also after the end of the show, and ends when nothing is left of it', () => {
    const retried = play(...watching, network, status('offline'), { type: 'retry' });
    expect(retried.commands).toEqual([{ do: 'load' }]);
    const gone: PlayerEvent = { type: 'failed', failure: { kind: 'gone' } };
    expect(phase(play(...watching, status('offline'), gone).state)).toBe('ended');
    expect(play(...watching, gone).commands).toEqual([{ do: 'load' }]);
  });
});
