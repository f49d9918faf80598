import { t } from '../i18n';
import { backoff } from '../lib/backoff';
import { find, need, show } from '../lib/dom';
import { clock } from '../lib/format';
import { fetchJson } from '../lib/poll';
import type { VideoPlayer } from '../player/video';
import { make } from './dom';
import { VirtualList } from './list';
import type { MessageRow, Row } from './model';
import { bindPlace } from './place';
import { parseEvent, parseReplay, type ReplayPart } from './protocol';
import { bindRowKeys } from './rowkeys';
import { RowPainter } from './rows';
import { Transcript, WINDOW, windowOf } from './transcript';

/** Milliseconds between two looks for messages that were deleted meanwhile. */
const LOOK_EVERY = 30_000;
/** With fewer messages than this, earlier ones are loaded to fill the view. */
const FEW = 30;
/** The reader is this close (px) to the top when earlier messages are loaded. */
const NEAR_TOP = 300;
/** A trimmed video shows no messages from before its beginning, but this (ms): chats come late. */
const LEAD = 2_000;
const PAGE = 500;
const GIVE_UP_AFTER = 10_000;

/** Shows the chat of a show beside its video (`includes/chat_replay.html`). */
export function mountReplay(root: HTMLElement, player: VideoPlayer): void {
  bindPlace(root, new Replay(root, player));
}

class Replay {
  readonly #transcript = new Transcript();
  readonly #painter: RowPainter;
  readonly #list: VirtualList<Row>;
  readonly #view: HTMLElement;
  #running = false;
  #loading = false;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** True until the present window has been loaded past the browser's cache. */
  #looking = false;
  /** Other windows in which messages were deleted. */
  #stale: number[] = [];
  #position = 0;
  /** Dates (ms) of the picture and of the first one of the video. */
  #date: number | null = null;
  #first = 0;

  constructor(
    private readonly root: HTMLElement,
    private readonly player: VideoPlayer,
  ) {
    const toPlace = need<HTMLButtonElement>('[data-chat-new]', root);
    this.#view = need('[data-chat-view]', root);
    this.#painter = new RowPainter(null, (at) => this.#stamp(at));
    const emotes = parseEvent('emotes', JSON.parse(need('#emotes', root).textContent ?? '[]'));
    if (emotes?.type === 'emotes') {
      this.#painter.emotes = new Map(emotes.emotes.map((emote) => [emote.name, emote]));
    }
    this.#list = new VirtualList<Row>(this.#view, {
      draw: (row) => this.#painter.draw(row),
      same: (before, after) => this.#painter.same(before, after),
      followed: (following) => show(toPlace, !following),
    });
    toPlace.addEventListener('click', () => {
      this.#list.toEnd();
      this.#view.focus({ preventScroll: true });
    });
    this.#view.addEventListener('scroll', () => this.#load(), { passive: true });
    bindRowKeys(this.#view, this.#list, {
      menu: (_row, at) => find('[data-at]', at)?.click(),
      reply: () => undefined,
      remove: () => undefined,
      leave: () => find('[data-player] media-controller')?.focus(),
    });
    player.onMove(() => this.#moved());
    document.addEventListener('visibilitychange', () => this.#look());
    setInterval(() => this.#look(), LOOK_EVERY);
  }

  start(): void {
    this.#running = true;
    this.#moved();
    this.#look();
    this.#list.render();
  }

  stop(): void {
    this.#running = false;
  }

  #moved(): void {
    if (!this.#running) return;
    const position = this.player.position();
    const date = this.player.dateAt(position);
    if (date === null) return;
    // Who goes elsewhere in the video wants to read what was said there.
    if (Math.abs(position - this.#position) > 3) this.#list.toEnd();
    this.#position = position;
    this.#date = date * 1_000;
    this.#first = (this.player.dateAt(0) ?? 0) * 1_000 - LEAD;
    this.#show();
    this.#load();
  }

  #rows(): readonly MessageRow[] {
    return this.#date === null ? [] : this.#transcript.between(this.#first, this.#date);
  }

  #show(): void {
    const rows = this.#rows();
    const before = this.#list.rows;
    const same = rows.length === before.length && rows.every((row, index) => row === before[index]);
    if (!same) this.#list.set(rows);
    const known = this.#date !== null && this.#transcript.wanted(this.#date) === null;
    show(find('[data-chat-empty]', this.root), known && rows.length === 0);
  }

  /** Looks for deletions, where somebody may see them. */
  #look(): void {
    if (document.hidden || !this.#running || this.#date === null) return;
    if (this.#transcript.wanted(this.#date) !== null) return; // not loaded yet
    this.#looking = true;
    this.#load();
  }

  /** Start of the window to load next; null while there is all that is needed. */
  #next(): number | null {
    const date = this.#date;
    if (date === null) return null;
    const { earlier } = this.#transcript;
    const wanted = this.#transcript.wanted(date);
    if (wanted !== null) return wanted;
    if (earlier === null || earlier + WINDOW <= this.#first) return null;
    const atTop = !this.#list.following && this.#view.scrollTop < NEAR_TOP;
    return atTop || this.#rows().length < FEW ? earlier : null;
  }

  #load(): void {
    if (this.#loading || !this.#running || this.#retry !== undefined) return;
    const looking = this.#looking && this.#date !== null;
    const stale = looking ? undefined : this.#stale.shift();
    const at = looking ? windowOf(this.#date!) : (stale ?? this.#next());
    if (at === null) return;
    this.#loading = true;
    this.#ask(at, looking || stale !== undefined)
      .then((part) => {
        this.#failures = 0;
        this.#transcript.take(at, part, looking);
        if (looking) {
          this.#looking = false;
          this.#stale = this.#transcript.stale;
        }
        if (this.#list.following && this.#date !== null) this.#transcript.trim(this.#date);
        this.#show();
      })
      .catch(() => {
        this.#retry = setTimeout(() => {
          this.#retry = undefined;
          this.#load();
        }, backoff(this.#failures++, Math.random()));
      })
      .finally(() => {
        this.#loading = false;
        show(find('[data-chat-banner]', this.root), this.#failures > 0);
        this.#load();
      });
  }

  async #ask(at: number, fresh: boolean): Promise<ReplayPart> {
    const signal = AbortSignal.timeout(GIVE_UP_AFTER);
    const query = new URLSearchParams({
      from: new Date(at).toISOString(),
      to: new Date(at + WINDOW).toISOString(),
      limit: String(PAGE),
    });
    const address = `/api/v1/videos/${this.root.dataset['replay']}/chat`;
    const more: RequestInit = fresh ? { cache: 'no-cache' } : {};
    const part = parseReplay(await fetchJson(`${address}?${query}`, signal, more));
    for (let { cursor } = part; cursor !== null; ) {
      query.set('cursor', cursor);
      const page = parseReplay(await fetchJson(`${address}?${query}`, signal, more));
      part.messages.push(...page.messages);
      cursor = page.cursor;
    }
    return part;
  }

  /** The position of a message; pressed, the video plays from there. */
  #stamp(at: number): HTMLElement {
    const position = this.player.positionAt(at / 1_000);
    if (position === null) return make('span', { class: 'chat-time' });
    const time = clock(position);
    const label = t('replaySeek', { time });
    return make(
      'button',
      { type: 'button', class: 'chat-time', tabindex: '-1', 'data-at': position.toFixed(3), 'aria-label': label, title: label },
      time,
    );
  }
}
