import { type Command, type Failure } from './state';

/** What the person sees of a video. */
export type VideoPhase = 'ready' | 'loading' | 'playing' | 'error';

export interface VideoState {
  engine: 'idle' | 'loading' | 'playing';
  failure: Failure | null;
  /** Automatic retries since it last played. */
  attempt: number;
}

export type VideoEvent =
  | { type: 'start' }
  | { type: 'playing' }
  | { type: 'failed'; failure: Failure }
  | { type: 'frozen' }
  | { type: 'retry' };

export const initialVideoState: VideoState = { engine: 'idle', failure: null, attempt: 0 };

type Step = readonly [VideoState, readonly Command[]];

/** The next state of a video's player and what to do about it. Pure: no clock, no network. */
export function stepVideo(state: VideoState, event: VideoEvent): Step {
  switch (event.type) {
    case 'start':
      return state.engine === 'idle' && state.failure === null ? load(state) : [state, []];
    case 'playing':
      return [{ engine: 'playing', failure: null, attempt: 0 }, []];
    case 'failed': {
      const failed: VideoState = { ...state, failure: event.failure, engine: 'idle' };
      // Asking again makes no codec known and brings no video back.
      if (event.failure.kind !== 'network' && event.failure.kind !== 'media') {
        return [failed, [{ do: 'unload' }]];
      }
      return [
        { ...failed, attempt: state.attempt + 1 },
        [{ do: 'unload' }, { do: 'retry-later', attempt: state.attempt }],
      ];
    }
    case 'frozen':
      return load(state);
    case 'retry':
      return state.failure === null ? [state, []] : load({ ...state, failure: null });
  }
}

function load(state: VideoState): Step {
  return [{ ...state, engine: 'loading' }, [{ do: 'load' }]];
}

export function videoPhase({ engine, failure }: VideoState): VideoPhase {
  if (failure) return 'error';
  return engine === 'idle' ? 'ready' : engine;
}
