import { io, type Socket } from 'socket.io-client';
import { backoff } from '../lib/backoff';
import { parseRefusal, type Refusal } from './protocol';

/** The server answers an act within this time (ms), or nobody knows what became of it. */
const ANSWER_WITHIN = 8_000;
/** An attempt ends within this time (ms), whatever a network does with it. */
const CONNECTS_WITHIN = 15_000;
/** A connection must hold for this long (ms) before failures count from the beginning again. */
const HOLDS = 10_000;

export type Link =
  | { state: 'connecting' }
  | { state: 'open' }
  /** `retryAt` is null where trying again by itself would not help. */
  | { state: 'closed'; retryAt: number | null; refusal: Refusal | null };

/** Answer to an act: what the server said, or why there is no answer. */
export type Answer = { ok: true; value: unknown } | { ok: false; refusal: Refusal };

export interface ConnectionOptions {
  /** Asked at each attempt, so that name and place are those of that moment. */
  auth: () => Record<string, unknown>;
  changed: (link: Link) => void;
  event: (name: string, value: unknown) => void;
}

/** The Socket.IO connection of a page: comes back by itself, later and later, with jitter. */
export class Connection {
  readonly #socket: Socket;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #holds: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #wanted = false;
  /** An attempt is under way. */
  #busy = false;

  constructor(private readonly options: ConnectionOptions) {
    this.#socket = io({
      transports: ['websocket'],
      autoConnect: false,
      // Its own waiting does not know what a refusal said, nor that a tab slept: ours does.
      reconnection: false,
      auth: (give) => give(options.auth()),
    });
    this.#socket.on('connect', () => {
      this.#busy = false;
      clearTimeout(this.#watch);
      clearTimeout(this.#holds);
      this.#holds = setTimeout(() => (this.#attempt = 0), HOLDS);
      options.changed({ state: 'open' });
    });
    this.#socket.on('connect_error', (error: Error & { data?: unknown }) => {
      const refusal = this.#socket.active ? null : parseRefusal(error.data, error.message);
      this.#closed(refusal);
    });
    this.#socket.on('disconnect', () => this.#closed(null));
    this.#socket.onAny((name: string, value: unknown) => options.event(name, value));
    addEventListener('online', () => this.#soon());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#soon();
    });
  }

  /** Connects now, whatever the waiting. */
  start(): void {
    this.#wanted = true;
    clearTimeout(this.#timer);
    if (this.#socket.connected) return;
    this.#busy = true;
    this.options.changed({ state: 'connecting' });
    this.#socket.disconnect().connect();
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.#socket.disconnect();
      this.#closed(null);
    }, CONNECTS_WITHIN);
  }

  /** Connects anew, for instance under another name. */
  restart(): void {
    this.#attempt = 0;
    this.#wanted = false;
    this.#socket.disconnect();
    this.start();
  }

  /** Leaves, and comes back after so many seconds: the server is about to go. */
  comeBackIn(seconds: number): void {
    this.#busy = false;
    this.#socket.disconnect();
    this.#closed(null, seconds * 1_000);
  }

  stop(): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    this.#socket.disconnect();
  }

  /** Sends an act and waits for its answer. Never rejects. */
  async ask(name: string, value: unknown): Promise<Answer> {
    if (!this.#socket.connected) return { ok: false, refusal: { code: 'offline', message: '', retryAfter: null } };
    try {
      const answer: unknown = await this.#socket.timeout(ANSWER_WITHIN).emitWithAck(name, value);
      const refusal = refusalOf(answer);
      return refusal ? { ok: false, refusal } : { ok: true, value: answer };
    } catch {
      return { ok: false, refusal: { code: 'no_answer', message: '', retryAfter: null } };
    }
  }

  #closed(refusal: Refusal | null, after: number | null = null): void {
    clearTimeout(this.#holds);
    clearTimeout(this.#watch);
    this.#busy = false;
    if (!this.#wanted) return;
    let retryAt: number | null = null;
    if (!refusal || refusal.retryAfter !== null) {
      const wait = after ?? (refusal?.retryAfter ?? 0) * 1_000 + backoff(this.#attempt, Math.random());
      this.#attempt += 1;
      retryAt = Date.now() + wait;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.start(), wait);
    }
    this.options.changed({ state: 'closed', retryAt, refusal });
  }

  /** Somebody looks, or the network is back: a long wait is cut short, but never to nothing. */
  #soon(): void {
    if (!this.#wanted || this.#socket.connected || this.#busy) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), backoff(0, Math.random(), 500));
  }
}

function refusalOf(answer: unknown): Refusal | null {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return null;
  return parseRefusal(answer, '');
}
