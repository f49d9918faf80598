import { backoff } from './backoff';

export interface Poll {
  /** Ask again at once, for instance after the person pressed "try again". */
  now(): void;
  stop(): void;
}

interface PollOptions<T> {
  ask: (signal: AbortSignal) => Promise<T>;
  /** Handles an answer and says how long to wait for the next, in milliseconds. */
  answer: (value: T) => number;
  failed?: (attempt: number) => void;
  /** Rest while the tab is hidden, and ask as soon as it is seen again. */
  restWhenHidden?: boolean;
  firstAfter?: number;
}

const GIVE_UP_AFTER = 8_000;

/** Asks repeatedly, one request at a time, backing off with jitter while requests fail. */
export function poll<T>(options: PollOptions<T>): Poll {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | undefined;
  let failures = 0;
  let stopped = false;

  const schedule = (delay: number): void => {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(() => void once(), delay);
  };

  const once = async (): Promise<void> => {
    if (options.restWhenHidden && document.hidden) return;
    asking?.abort();
    const request = new AbortController();
    asking = request;
    const deadline = setTimeout(() => request.abort(), GIVE_UP_AFTER);
    let delay: number;
    try {
      const value = await options.ask(request.signal);
      if (asking !== request || stopped) return;
      failures = 0;
      delay = options.answer(value);
    } catch {
      if (asking !== request || stopped) return;
      options.failed?.(failures);
      delay = backoff(failures++, Math.random());
    } finally {
      clearTimeout(deadline);
    }
    schedule(delay);
  };

  const seen = (): void => {
    if (!document.hidden) schedule(0);
  };
  if (options.restWhenHidden) document.addEventListener('visibilitychange', seen);
  schedule(options.firstAfter ?? 0);

  return {
    now: () => schedule(0),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      asking?.abort();
      document.removeEventListener('visibilitychange', seen);
    },
  };
}

/** Fetches JSON; rejects unless the answer is 2xx. */
export async function fetchJson(url: string, signal: AbortSignal, more: RequestInit = {}): Promise<unknown> {
  const response = await fetch(url, { signal, headers: { Accept: 'application/json' }, ...more });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}
