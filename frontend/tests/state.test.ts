import { describe, expect, it } from 'vitest';
import {
  initialState,
  phase,
  step,
  type Command,
  type PlayerEvent,
  type PlayerState,
} from '../src/player/state';

function play(...events: PlayerEvent[]): { state: PlayerState; commands: Command[] } {
  let state = initialState;
  let commands: Command[] = [];
  for (const event of events) {
    const [next, todo] = step(state, event);
    state = next;
    commands = [...todo];
  }
  return { state, commands };
}

const status = (
  state: 'offline' | 'starting' | 'live' | 'interrupted' | 'ended',
  codecs = '',
): PlayerEvent => ({ type: 'status', state, codecs });
const playing: PlayerEvent = { type: 'playing' };
const network: PlayerEvent = { type: 'failed', failure: { kind: 'network' } };

describe('the player', () => {
  it('loads before it knows anything, without commands', () => {
    expect(phase(initialState)).toBe('loading');
  });

  it('waits while the channel is off the air and starts by itself', () => {
    expect(phase(play(status('offline')).state)).toBe('offline');
    expect(phase(play(status('offline'), status('starting')).state)).toBe('starting');
    const { state, commands } = play(status('offline'), status('starting'), status('live'));
    expect(commands).toEqual([{ do: 'load' }]);
    expect(phase(state)).toBe('live');
  });

  it('loads once, however often it hears that the show is live', () => {
    expect(play(status('live'), status('live')).commands).toEqual([]);
    expect(play(status('live'), playing, status('live')).commands).toEqual([]);
  });

  it('tells its engine when the station names other codecs, but not the first time', () => {
    const first = play(status('live'), playing, status('live', 'H.264'));
    expect(first.commands).toEqual([]);
    const changed = play(status('live', 'H.264'), playing, status('live', 'AAC · H.264'));
    expect(changed.commands).toEqual([{ do: 'codecs-changed' }]);
    expect(play(status('live', 'H.264'), playing, status('interrupted')).commands).toEqual([]);
  });

  it('tries again when a codec that it cannot play is replaced', () => {
    const refused: PlayerEvent = { type: 'failed', failure: { kind: 'codec', codecs: ['AV1'] } };
    const same = play(status('live', 'AV1'), refused, status('live', 'AV1'));
    expect(phase(same.state)).toBe('error');
    const { state, commands } = play(status('live', 'AV1'), refused, status('live', 'H.264'));
    expect(commands).toEqual([{ do: 'load' }]);
    expect(phase(state)).toBe('live');
  });

  it('keeps playing through an interruption and needs nothing to resume', () => {
    const broken = play(status('live'), playing, status('interrupted'));
    expect(phase(broken.state)).toBe('interrupted');
    expect(broken.commands).toEqual([]);
    const back = play(status('live'), playing, status('interrupted'), status('live'));
    expect(phase(back.state)).toBe('live');
    expect(back.commands).toEqual([]);
  });

  it('loads again when the picture stands still, and says what it waits for until it plays', () => {
    const { state, commands } = play(status('live'), playing, { type: 'frozen' });
    expect(commands).toEqual([{ do: 'load' }]);
    expect(state.engine).toBe('loading');
  });

  it('plays the tail of the buffer before it says that the show ended', () => {
    const first = play(status('live'), playing, status('ended'));
    expect(phase(first.state)).toBe('live');
    expect(first.commands).toEqual([]);
    const second = play(status('live'), playing, status('ended'), status('ended'));
    expect(phase(second.state)).toBe('ended');
    expect(second.commands).toEqual([{ do: 'unload' }]);
  });

  it('ends at once when the stream itself is played out, and takes up the next show', () => {
    const { state, commands } = play(status('live'), playing, { type: 'finished' });
    expect(phase(state)).toBe('ended');
    expect(commands).toEqual([{ do: 'unload' }]);
    const after = play(
      status('live'),
      playing,
      { type: 'finished' },
      status('offline'),
      status('live'),
    );
    expect(after.commands).toEqual([{ do: 'load' }]);
    expect(phase(after.state)).toBe('live');
  });

  it('remembers that a show was watched when the channel goes from ended to offline', () => {
    const { state } = play(status('live'), playing, { type: 'finished' }, status('offline'));
    expect(phase(state)).toBe('ended');
  });

  it('retries a network failure later and later, and forgets it once it plays', () => {
    const first = play(status('live'), network);
    expect(phase(first.state)).toBe('error');
    expect(first.commands).toEqual([{ do: 'unload' }, { do: 'retry-later', attempt: 0 }]);
    const second = play(status('live'), network, { type: 'retry' }, network);
    expect(second.commands).toEqual([{ do: 'unload' }, { do: 'retry-later', attempt: 1 }]);
    const healed = play(status('live'), network, { type: 'retry' }, playing);
    expect(healed.state.attempt).toBe(0);
    expect(phase(healed.state)).toBe('live');
  });

  it('does not retry by itself what the browser cannot decode', () => {
    const failed = play(status('live'), {
      type: 'failed',
      failure: { kind: 'codec', codecs: ['H.265 (HEVC)'] },
    });
    expect(failed.commands).toEqual([{ do: 'unload' }]);
    expect(step(failed.state, status('live'))[1]).toEqual([]);
    expect(step(failed.state, { type: 'retry' })[1]).toEqual([{ do: 'load' }]);
  });

  it('drops a failure with the show that failed', () => {
    const { state, commands } = play(status('live'), network, status('offline'), status('live'));
    expect(commands).toEqual([{ do: 'load' }]);
    expect(step(state, { type: 'retry' })[1]).toEqual([]);
  });

  it('says that the station is unreachable only before it knows better', () => {
    expect(phase(play({ type: 'unreachable' }).state)).toBe('error');
    expect(phase(play(status('live'), playing, { type: 'unreachable' }).state)).toBe('live');
    expect(phase(play({ type: 'unreachable' }, status('offline')).state)).toBe('offline');
  });
});
