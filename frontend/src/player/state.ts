import type { StationState } from '../lib/status';

/** What the person sees. */
export type Phase =
  | 'loading'
  | 'offline'
  | 'starting'
  | 'live'
  | 'interrupted'
  | 'ended'
  | 'error';

export type Failure =
  | { kind: 'network' }
  | { kind: 'media' }
  /** Refused: deleted, private, or never there. */
  | { kind: 'gone' }
  /** `codecs` by the names that people know; empty while nobody knows which. */
  | { kind: 'codec'; codecs: readonly string[] };

export interface PlayerState {
  station: StationState | null;
  /** Whether the station answers; the picture may go on while its status does not. */
  reachable: boolean;
  /** Kinds of the codecs that the encoder sends, as the station said last; empty before that. */
  codecs: string;
  engine: 'idle' | 'loading' | 'playing';
  /** Played through to the end of what the station had. */
  finished: boolean;
  /** Polls in a row that said the show is over while the buffer was still playing. */
  overSeen: number;
  failure: Failure | null;
  /** Automatic retries since it last played. */
  attempt: number;
}

export type PlayerEvent =
  | { type: 'status'; state: StationState; codecs: string }
  | { type: 'unreachable' }
  | { type: 'playing' }
  | { type: 'finished' }
  | { type: 'failed'; failure: Failure }
  /** The picture stands still although it should not. */
  | { type: 'frozen' }
  | { type: 'retry' };

/** What the shell must do after an event. `retry-later` carries the number of the attempt. */
export type Command =
  | { do: 'load' }
  | { do: 'unload' }
  | { do: 'codecs-changed' }
  | { do: 'retry-later'; attempt: number };

export const initialState: PlayerState = {
  station: null,
  reachable: true,
  codecs: '',
  engine: 'idle',
  finished: false,
  overSeen: 0,
  failure: null,
  attempt: 0,
};

type Step = readonly [PlayerState, readonly Command[]];

const over = (state: StationState): boolean => state === 'offline' || state === 'ended';
const playable = (state: StationState | null): boolean =>
  state === 'live' || state === 'interrupted';

/** How many status answers may say "over" before the tail of the buffer is given up. */
const TAIL_POLLS = 2;

/** The next state and what to do about it. Pure: no clock, no network, no page. */
export function step(state: PlayerState, event: PlayerEvent): Step {
  switch (event.type) {
    case 'status':
      return onStatus({ ...state, reachable: true }, event.state, event.codecs);
    case 'unreachable':
      return [{ ...state, reachable: false }, []];
    case 'playing':
      return [
        { ...state, engine: 'playing', failure: null, attempt: 0, finished: false, overSeen: 0 },
        [],
      ];
    case 'finished':
      // The playlist said so itself; whatever the station reports next is a new show.
      return [
        { ...state, station: 'ended', finished: true, engine: 'idle', overSeen: 0 },
        [{ do: 'unload' }],
      ];
    case 'failed':
      return onFailure(state, event.failure);
    case 'frozen':
      return [{ ...state, engine: 'loading' }, [{ do: 'load' }]];
    case 'retry':
      if (state.failure === null) return [state, []];
      return playable(state.station)
        ? [{ ...state, failure: null, engine: 'loading' }, [{ do: 'load' }]]
        : [{ ...state, failure: null }, []];
  }
}

function onStatus(state: PlayerState, station: StationState, codecs: string): Step {
  const next: PlayerState = { ...state, station, overSeen: 0, codecs: codecs || state.codecs };
  if (over(station)) return onOver(state, station);
  if (station === 'starting') return [{ ...next, finished: false }, []];
  const changed = state.codecs !== '' && state.codecs !== next.codecs;
  if (changed && state.failure?.kind === 'codec') {
    return [{ ...next, failure: null, engine: 'loading' }, [{ do: 'load' }]];
  }
  if (changed && state.engine !== 'idle') return [next, [{ do: 'codecs-changed' }]];
  if (state.engine !== 'idle' || state.failure !== null) return [next, []];
  return [{ ...next, engine: 'loading', finished: false }, [{ do: 'load' }]];
}

function onOver(state: PlayerState, station: StationState): Step {
  if (state.engine === 'idle') {
    // A failure belongs to the show that failed: the next one deserves a fresh try.
    return [{ ...state, station, failure: null, attempt: 0, overSeen: 0 }, []];
  }
  const overSeen = state.overSeen + 1;
  return overSeen < TAIL_POLLS
    ? [{ ...state, station, overSeen }, []]
    : [{ ...state, station, engine: 'idle', finished: true, overSeen: 0 }, [{ do: 'unload' }]];
}

function onFailure(state: PlayerState, failure: Failure): Step {
  const failed: PlayerState = { ...state, failure, engine: 'idle' };
  if (failure.kind === 'codec') return [failed, [{ do: 'unload' }]];
  return [
    { ...failed, attempt: state.attempt + 1 },
    [{ do: 'unload' }, { do: 'retry-later', attempt: state.attempt }],
  ];
}

/** Which face the player shows. */
export function phase(state: PlayerState): Phase {
  const { station, engine, failure, finished } = state;
  if (failure && playable(station)) return 'error';
  if (engine !== 'idle' && station !== null && over(station)) return 'live';
  if (finished && station !== 'starting') return 'ended';
  if (station === null) return state.reachable ? 'loading' : 'error';
  return station;
}
