import { fetchJson, poll, type Poll } from '../lib/poll';
import { fields } from '../lib/status';
import type { Link } from './connection';
import { parseEvent, type Message, type RoomEvent } from './protocol';

/** Without a connection for so long (ms), the page asks for the messages instead. */
const PATIENCE = 6_000;
/** Milliseconds between two answers; caches keep each for two seconds. */
const EVERY = 5_000;
/** Without the session, so that one answer of a cache is for everybody. */
const ANONYMOUS: RequestInit = { credentials: 'omit' };

export interface FallbackOptions {
  slug: () => string;
  /** Mode, emotes and pinned message of the chat, as a connection would have told them. */
  event: (event: RoomEvent) => void;
  messages: (messages: readonly Message[]) => void;
  /** The panel reads by asking now, or does no more. */
  changed: () => void;
}

/** Reading through the API where no connection comes about: networks that block WebSockets, and
 * whoever is above a limit of the station. */
export class Fallback {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #poll: Poll | null = null;
  #active = false;

  constructor(private readonly options: FallbackOptions) {}

  /** True while the messages on the page come from the API. */
  get active(): boolean {
    return this.#active;
  }

  linked(link: Link): void {
    const refusal = link.state === 'closed' ? link.refusal : null;
    if (link.state === 'open' || (refusal && refusal.retryAfter === null)) this.stop();
    else if (!this.#poll) this.#timer ??= setTimeout(() => this.#start(), refusal ? 0 : PATIENCE);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#poll?.stop();
    this.#poll = null;
    this.#set(false);
  }

  #start(): void {
    this.#timer = undefined;
    const { slug, event, messages } = this.options;
    const address = `/api/v1/channels/${slug()}/chat`;
    let known = false;
    this.#poll = poll({
      ask: async (signal) => {
        const chat = known ? null : fields(await fetchJson(address, signal, ANONYMOUS));
        return [chat, await fetchJson(`${address}/recent`, signal, ANONYMOUS)] as const;
      },
      answer: ([chat, recent]) => {
        if (chat) {
          const values = { mode: chat['mode'], emotes: chat['emotes'], pin: { message: chat['pinned'] } };
          for (const [name, value] of Object.entries(values)) {
            const told = parseEvent(name, value);
            if (told) event(told);
          }
          known = true;
        }
        const told = parseEvent('messages', recent);
        if (told?.type === 'messages') messages(told.messages);
        this.#set(true);
        return EVERY;
      },
      failed: () => this.#set(false),
      restWhenHidden: true,
    });
  }

  #set(active: boolean): void {
    if (active === this.#active) return;
    this.#active = active;
    this.options.changed();
  }
}
