import { describe, expect, it } from 'vitest';
import { waitsForKeyFrame } from '../src/player/overlay';
import { initialState, phase, type PlayerState } from '../src/player/state';

const of = (station: 'starting' | 'live', engine: PlayerState['engine']): PlayerState => ({
  ...initialState,
  station,
  engine,
});
const waits = (state: PlayerState, overdue: boolean): boolean =>
  waitsForKeyFrame(phase(state), state, overdue);

describe('a show without key frames', () => {
  it('is told to newcomers, before it opens and while they load', () => {
    expect(waits(of('starting', 'idle'), true)).toBe(true);
    expect(waits(of('live', 'loading'), true)).toBe(true);
  });

  it('is not told to those who watch, nor while a key frame is due', () => {
    expect(waits(of('live', 'playing'), true)).toBe(false);
    expect(waits(of('live', 'loading'), false)).toBe(false);
    expect(waits({ ...initialState, station: 'offline' }, true)).toBe(false);
  });
});
