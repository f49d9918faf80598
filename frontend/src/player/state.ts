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

/** A show's long playlist, played from the date `at`; it begins at about `began`. Seconds since
 * 1970. */
export interface Rewind {
  readonly src: string;
  readonly at: number;
  readonly began: number;
}

export interface PlayerState {
  station: StationState | null;
  /** Whether the station answers; the picture may go on while its status does not. */
  reachable: boolean;
  /** Kinds of the codecs that the encoder sends, as the station said last; empty before that. */
  codecs: string;
  engine: 'idle' | 'loading' | 'playing';
  /** Where the person went back to; null at the live edge and in its window. */
  rewind: Rewind | null;
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
  | { type: 'retry' }
  /** The person goes further back than the live window reaches. */
  | { type: 'rewind'; to: Rewind }
  | { type: 'go-live' };

/** What the shell must do after an event. `retry-later` carries the number of the attempt. */
export type Command =
  | { do: 'load' }
  | { do: 'unload' }
  | { do: 'seek-live' }
  | { do: 'codecs-changed' }
  | { do: 'retry-later'; attempt: number };

export const initialState: PlayerState = {
  station: null,
  reachable: true,
  codecs: '',
  engine: 'idle',
  rewind: null,
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

/** Failures in a row after which the long playlist is given up for the live edge. */
const REWIND_RETRIES = 2;

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
      return ended(state, 'ended');
    case 'failed':
      return onFailure(state, event.failure);
    case 'frozen':
      return [{ ...state, engine: 'loading' }, [{ do: 'load' }]];
    case 'retry':
      if (state.failure === null) return [state, []];
      return playable(state.station) || state.rewind
        ? [{ ...state, failure: null, engine: 'loading' }, [{ do: 'load' }]]
        : [{ ...state, failure: null }, []];
    case 'rewind':
      if (state.engine === 'idle') return [state, []];
      return [{ ...state, rewind: event.to, attempt: 0, overSeen: 0 }, [{ do: 'load' }]];
    case 'go-live':
      if (state.rewind === null) return [state, [{ do: 'seek-live' }]];
      if (!playable(state.station)) return [state, []];
      return [{ ...state, rewind: null, failure: null, attempt: 0 }, [{ do: 'load' }]];
  }
}

function ended(state: PlayerState, station: StationState): Step {
  const next: PlayerState = { ...state, station, rewind: null, engine: 'idle', failure: null };
  return [{ ...next, finished: true, overSeen: 0, attempt: 0 }, [{ do: 'unload' }]];
}

function onStatus(state: PlayerState, station: StationState, codecs: string): Step {
  const next: PlayerState = { ...state, station, overSeen: 0, codecs: codecs || state.codecs };
  // Behind the live edge the show goes on to its end, whatever the channel does meanwhile.
  if (state.rewind !== null && !playable(station)) return [next, []];
  if (over(station)) return onOver(state, station);
  if (station === 'starting') return [{ ...next, finished: false }, []];
  const changed = state.codecs !== '' && state.codecs !== next.codecs;
  if (changed && state.failure?.kind === 'codec') {
    return [{ ...next, failure: null, engine: 'loading' }, [{ do: 'load' }]];
  }
  if (changed && state.engine !== 'idle' && !state.rewind) return [next, [{ do: 'codecs-changed' }]];
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
    : ended(state, station);
}

function onFailure(state: PlayerState, failure: Failure): Step {
  if (state.rewind && (failure.kind === 'gone' || state.attempt >= REWIND_RETRIES)) {
    if (!playable(state.station)) return ended(state, state.station ?? 'ended');
    const live: PlayerState = { ...state, rewind: null, engine: 'loading', attempt: 0 };
    return [{ ...live, failure: null }, [{ do: 'load' }]];
  }
  const failed: PlayerState = { ...state, failure, engine: 'idle' };
  if (failure.kind === 'codec') return [failed, [{ do: 'unload' }]];
  return [
    { ...failed, attempt: state.attempt + 1 },
    [{ do: 'unload' }, { do: 'retry-later', attempt: state.attempt }],
  ];
}

/** Which face the player shows. */
export function phase(state: PlayerState): Phase {
  const { station, engine, failure, finished, rewind } = state;
  if (failure && (playable(station) || rewind)) return 'error';
  if (rewind) return 'live';
  if (engine !== 'idle' && station !== null && over(station)) return 'live';
  if (finished && station !== 'starting') return 'ended';
  if (station === null) return state.reachable ? 'loading' : 'error';
  return station;
}
