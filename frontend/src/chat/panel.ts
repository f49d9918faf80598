import { t } from '../i18n';
import { find, need, show } from '../lib/dom';
import { device, recall, remember } from '../lib/storage';
import { Announcer } from './announcer';
import { Composer } from './composer';
import { Connection, type Link } from './connection';
import { Fallback } from './fallback';
import { VirtualList } from './list';
import { closeMenu } from './menu';
import { Room, type MessageRow, type Row } from './model';
import { Moderation } from './moderation';
import { openPicker } from './picker';
import {
  acceptedId,
  authOf,
  namedOf,
  parseEvent,
  type Emote,
  type Message,
  type RoomEvent,
  type Standing,
} from './protocol';
import { Reactions } from './reactions';
import { bindRowKeys } from './rowkeys';
import { RowPainter } from './rows';
import { suggestionsFor } from './suggestions';
import { PanelView, refusalWords } from './view';

/** Brings a chat of `includes/chat.html` to life, and connects it. */
export class ChatPanel {
  readonly #room = new Room();
  readonly #painter: RowPainter;
  readonly #list: VirtualList<Row>;
  readonly #view: PanelView;
  readonly #connection: Connection;
  readonly #fallback: Fallback;
  readonly #composer: Composer;
  readonly #moderation: Moderation;
  readonly #reactions: Reactions;
  readonly #announcer: Announcer;
  readonly #signedIn: boolean;
  #link: Link = { state: 'connecting' };
  #emotes: Emote[] = [];
  #refusedName = false;
  readonly #cameAt = Date.now();

  constructor(private readonly root: HTMLElement) {
    this.#signedIn = root.hasAttribute('data-signed-in');
    this.#painter = new RowPainter({
      reply: ({ message }) => this.#composer.replyTo(message),
      menu: (row, at) => this.#moderation.open(row, at),
      retry: (row) => this.#retry(row),
      discard: ({ key }) => {
        this.#room.discard(key);
        this.#show();
      },
      quoted: (id) => this.#showMessage(id),
    });
    const view = need('[data-chat-view]', root);
    this.#list = new VirtualList<Row>(view, {
      draw: (row) => this.#painter.draw(row),
      same: (before, after) => this.#painter.same(before, after),
      followed: (following) => {
        this.#room.follow(following);
        this.#view.newMessages(this.#room);
      },
    });
    this.#view = new PanelView(root, this.#painter, () => this.#moderation.unpin());
    this.#reactions = new Reactions(need('[data-chat-air]', root), need('[data-chat-tally]', root));
    this.#announcer = new Announcer(need('[data-chat-announcer]', root));
    this.#connection = new Connection({
      auth: () => authOf(this.#slug, device(), this.#name(), this.#room.since),
      changed: (link) => this.#linked(link),
      event: (name, value) => this.#heard(parseEvent(name, value)),
    });
    this.#fallback = new Fallback({
      slug: () => this.#slug,
      event: (event) => this.#heard(event),
      messages: (messages) => {
        this.#announce(this.#room.polled(messages));
        this.#show();
      },
      changed: () => {
        this.#show();
        this.#tick();
      },
    });
    this.#composer = new Composer(need('[data-chat-form]', root), {
      send: (text, replyTo) => void this.#send(text, replyTo),
      suggest: (completion) => suggestionsFor(completion, this.#room, this.#emotes),
    });
    this.#moderation = new Moderation(root, this.#room, this.#connection, {
      reply: (message) => this.#composer.replyTo(message),
      mention: (name) => this.#composer.insert(`@${name}`),
      tell: (text, tone) => this.#tell(text, tone),
    });
    bindRowKeys(view, this.#list, {
      menu: (row, at) => this.#moderation.open(row, at),
      reply: (row) => this.#composer.replyTo(row.message),
      leave: () => this.#composer.focus(),
      remove: (row) => this.#moderation.remove(row),
    });
    this.#bind();
    this.#tick();
    setInterval(() => this.#tick(), 500);
  }

  start(): void {
    this.#connection.start();
    this.#list.render();
  }

  stop(): void {
    closeMenu();
    this.#connection.stop();
    this.#fallback.stop();
  }

  get #slug(): string {
    return this.root.dataset['slug'] ?? '';
  }

  /** The page was made for somebody who is signed in, and the station knows nobody any more. */
  get #signedOut(): boolean {
    return this.#signedIn && this.#room.you?.signedIn === false;
  }

  #bind(): void {
    const { root } = this;
    find('[data-chat-new]', root)?.addEventListener('click', () => {
      this.#list.toEnd();
      this.#composer.focus();
    });
    find('[data-chat-retry]', root)?.addEventListener('click', () => this.#connection.restart());
    const name = need<HTMLInputElement>('[data-chat-name]', root);
    need<HTMLFormElement>('[data-chat-name-form]', root).addEventListener('submit', (event) => {
      event.preventDefault();
      if (name.value.trim()) void this.#takeName(name.value.trim());
    });
    find('[data-chat-rename]', root)?.addEventListener('click', () => {
      name.value = this.#room.you?.name ?? '';
      this.#view.entry('name');
      name.select();
    });
    const rules = need('[data-chat-rules]', root);
    rules.addEventListener('click', () => this.#moderation.openRules(rules));
    const emotes = need('[data-chat-emotes]', root);
    emotes.addEventListener('click', () => {
      openPicker(emotes, this.#emotes, (text) => this.#composer.insert(text));
    });
  }

  /** The name that a guest chose on this browser, unless the room has just refused it. */
  #name(): string | null {
    return this.#signedIn || this.#refusedName ? null : recall('chat.name');
  }

  async #takeName(name: string): Promise<void> {
    const answer = await this.#connection.ask('name', { name });
    this.#view.nameError(answer.ok ? '' : refusalWords(answer.refusal));
    if (!answer.ok) return;
    remember('chat.name', name);
    this.#refusedName = false;
    this.#room.you = namedOf(answer.value);
    this.#standing();
    this.#composer.focus();
  }

  #linked(link: Link): void {
    this.#link = link;
    const code = link.state === 'closed' ? link.refusal?.code : undefined;
    if ((code === 'bad_name' || code === 'name_taken') && !this.#refusedName) {
      // Read on without a name, and choose another.
      this.#refusedName = true;
      if (link.state === 'closed' && link.refusal) this.#view.nameError(refusalWords(link.refusal));
      this.#connection.restart();
      return;
    }
    if (code) this.#view.entry('none');
    this.#fallback.linked(link);
    this.#tick();
  }

  #heard(event: RoomEvent | null): void {
    const room = this.#room;
    switch (event?.type) {
      case 'welcome':
        room.welcome(event.welcome);
        this.#emotesAre(event.welcome.emotes);
        if (event.welcome.gap) room.notice(t('chatGap'));
        if (this.#signedOut) room.notice(t('chatErrorSignedOut'), 'bad');
        this.#composer.longest = event.welcome.longest;
        this.#offerSigns(event.welcome.reactions);
        this.#view.people(room);
        this.#standing();
        this.#resend();
        break;
      case 'messages':
        this.#announce(room.receive(event.messages));
        break;
      case 'delete':
        room.remove(event.ids);
        this.#view.pinned(room);
        break;
      case 'clear':
        room.clear(event.person);
        if (event.person === null) room.notice(t('chatCleared'));
        this.#view.pinned(room);
        break;
      case 'mode':
        room.mode = event.mode;
        this.#standing();
        break;
      case 'you':
        room.you = event.you;
        this.#standing();
        break;
      case 'pin':
        room.pinned = event.message;
        this.#view.pinned(room);
        break;
      case 'presence':
        room.presence = event.presence;
        this.#view.people(room);
        break;
      case 'emotes':
        this.#emotesAre(event.emotes);
        break;
      case 'reactions':
        for (const [sign, count] of event.counts) this.#reactions.add(sign, count);
        break;
      case 'missed':
        room.notice(t('chatMissed', { n: event.count }));
        break;
      case 'notice':
        this.#moderation.heard(event.notice);
        break;
      case 'sanctions':
        room.sanctioned(event.sanctions);
        break;
      case 'reconnect':
        this.#connection.comeBackIn(event.after);
        break;
      case 'error':
        // The welcome of the next connection says what is left of it.
        if (event.refusal.code !== 'signed_out') room.notice(refusalWords(event.refusal), 'bad');
        break;
      case undefined:
        return;
    }
    this.#show();
  }

  /** Announces messages that came after the page was opened. */
  #announce(added: readonly MessageRow[]): void {
    const since = this.#cameAt;
    this.#announcer.add(added.filter(({ message }) => message.at >= since));
  }

  #emotesAre(emotes: Emote[]): void {
    this.#emotes = emotes;
    this.#painter.emotes = new Map(emotes.map((emote) => [emote.name, emote]));
  }

  #standing(): void {
    const room = this.#room;
    const { you, mode } = room;
    this.#view.mode(mode);
    this.#view.pinned(room);
    this.root.toggleAttribute('data-moderates', you?.mayModerate ?? false);
    show(find('[data-chat-rules]', this.root), you?.mayModerate ?? false);
    const me = need('[data-chat-me]', this.root);
    me.textContent = you ? you.name : '';
    me.style.setProperty('--hue', String(you?.hue ?? 0));
    this.#composer.placeholder = mode.emoteOnly ? t('chatPlaceholderEmotes') : t('chatPlaceholder');
    this.#view.entry(this.#signedOut ? 'sign-in' : you ? entryOf(you) : 'none');
  }

  #offerSigns(signs: readonly string[]): void {
    const place = need('[data-chat-signs]', this.root);
    place.replaceChildren(
      ...signs.map((sign) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.className = 'chat-sign';
        button.textContent = sign;
        button.setAttribute('aria-label', t('chatReact', { sign }));
        button.addEventListener('click', () => {
          void this.#connection.ask('react', { emote: sign });
        });
        return button;
      }),
    );
  }

  async #send(text: string, replyTo: Message | null): Promise<void> {
    if (text.startsWith('/')) {
      await this.#moderation.command(text);
      return;
    }
    const nonce = crypto.getRandomValues(new Uint32Array(2)).join('');
    this.#room.send(nonce, text, replyTo, Date.now());
    this.#list.toEnd();
    this.#show();
    await this.#deliver(nonce, text, replyTo?.id ?? null);
  }

  async #deliver(nonce: string, text: string, replyTo: string | null): Promise<void> {
    const answer = await this.#connection.ask('message', { text, reply_to: replyTo, nonce });
    if (answer.ok) {
      this.#room.accepted(nonce, acceptedId(answer.value));
    } else {
      const { retryAfter } = answer.refusal;
      const until = retryAfter === null ? null : Date.now() + retryAfter * 1_000;
      this.#room.refused(nonce, refusalWords(answer.refusal), until);
    }
    this.#show();
    this.#tick();
  }

  #retry(row: MessageRow): void {
    const again = this.#room.retry(row.key, Date.now());
    this.#show();
    if (again) void this.#deliver(row.key, again.message.text, again.message.replyTo?.id ?? null);
  }

  /** After a reconnection: what was on its way goes again. Its mark keeps it from being doubled
   * where it had arrived. */
  #resend(): void {
    for (const row of this.#room.sending()) this.#retry(row);
  }

  #tell(text: string, tone: 'plain' | 'bad'): void {
    this.#room.notice(text, tone);
    this.#show();
  }

  #showMessage(id: string): void {
    const row = this.#room.find(id);
    if (!row || !this.#list.show(row.key)) return;
    const element = this.#list.element(row.key);
    element?.classList.remove('chat-found');
    requestAnimationFrame(() => element?.classList.add('chat-found'));
  }

  #show(): void {
    this.#list.set(this.#room.rows);
    this.#view.newMessages(this.#room);
    show(
      find('[data-chat-empty]', this.root),
      this.#room.rows.length === 0 && (this.#link.state === 'open' || this.#fallback.active),
    );
  }

  #tick(): void {
    const now = Date.now();
    this.#view.banner(this.#link, this.#room, now, this.#fallback.active);
    const wait = this.#room.secondsToWait(now);
    this.#composer.wait(this.#link.state === 'open' ? wait : 0);
  }
}

/** Returns the way to take part with this standing; a time-out leaves the field in place. */
function entryOf(you: Standing): 'write' | 'name' | 'sign-in' | 'none' {
  if (you.mayWrite || you.reason === 'timed_out') return 'write';
  if (you.reason === 'name_needed') return 'name';
  return !you.signedIn && you.reason !== 'banned' ? 'sign-in' : 'none';
}
