import { language, t, type Key } from '../i18n';
import { find, need, say, show } from '../lib/dom';
import { waitWords } from './composer';
import type { Link } from './connection';
import { icon, iconButton, make } from './dom';
import type { Room } from './model';
import type { Mode, Refusal } from './protocol';
import type { RowPainter } from './rows';

const whole = new Intl.NumberFormat(language);

/** Refusals that the page itself finds, with their key of the dictionary. */
const OWN_REFUSALS: Readonly<Record<string, Key>> = {
  offline: 'chatErrorOffline',
  no_answer: 'chatErrorNoAnswer',
};

/** Returns the words of a refusal; those of the station are in the reader's language already. */
export function refusalWords(refusal: Refusal): string {
  const own = OWN_REFUSALS[refusal.code];
  return own ? t(own) : refusal.message || t('chatErrorUnknown');
}

/** Returns the rules in force, as they stand above the messages. */
export function modeWords(mode: Mode): string[] {
  const words: string[] = [];
  if (!mode.guests) words.push(t('chatModeNoGuests'));
  if (mode.slow > 0) words.push(t('chatModeSlow', { n: waitWords(mode.slow) }));
  if (mode.membersOnly) words.push(t('chatModeMembers'));
  if (mode.emoteOnly) words.push(t('chatModeEmotes'));
  return words;
}

/** The parts of the panel around the messages. */
export class PanelView {
  readonly #root: HTMLElement;
  #refused = '';

  constructor(
    root: HTMLElement,
    private readonly painter: RowPainter,
    private readonly unpin: () => void,
  ) {
    this.#root = root;
  }

  people(room: Room): void {
    const { people } = room.presence;
    say(find('[data-chat-people]', this.#root), people === null ? '' : t('chatPeople', { n: whole.format(people) }));
  }

  mode(mode: Mode): void {
    const words = modeWords(mode);
    const line = need('[data-chat-mode]', this.#root);
    say(line, words.join(' · '));
    show(line, words.length > 0);
  }

  pinned(room: Room): void {
    const place = need('[data-chat-pinned]', this.#root);
    const { pinned } = room;
    show(place, pinned !== null);
    if (!pinned) {
      place.replaceChildren();
      return;
    }
    const words = make(
      'p',
      {},
      make('b', { class: 'chat-by', style: `--hue: ${pinned.by.hue}` }, make('bdi', { class: 'chat-name' }, pinned.by.name)),
      this.painter.words(pinned.text),
    );
    place.replaceChildren(icon('pin'), words);
    if (room.you?.mayModerate) place.append(iconButton('close', t('chatUnpin'), this.unpin));
  }

  newMessages(room: Room): void {
    const button = need('[data-chat-new]', this.#root);
    show(button, !room.following);
    const { unread } = room;
    const words =
      unread === 0 ? t('chatToEnd') : unread === 1 ? t('chatNewOne') : t('chatNewMany', { n: whole.format(unread) });
    say(find('[data-chat-new-text]', button), words);
  }

  /** Shows the obstacle to reading or writing, and its end. */
  banner(link: Link, room: Room, now: number, polls = false): void {
    if (!polls) this.#refused = '';
    const { text, state, again } = polls ? this.#pollingBanner(link) : bannerOf(link, room, now);
    this.#root.dataset['state'] = state;
    const banner = need('[data-chat-banner]', this.#root);
    show(banner, text !== '');
    banner.dataset['tone'] = state === 'connecting' ? 'plain' : 'bad';
    say(find('[data-chat-banner-text]', banner), text);
    show(find('[data-chat-retry]', banner), again);
  }

  /** The words stay while one attempt to connect follows another. */
  #pollingBanner(link: Link): Banner {
    if (link.state === 'closed') this.#refused = link.refusal ? refusalWords(link.refusal) : '';
    const text = `${this.#refused || t('chatBlocked')} ${t('chatPolling')}`;
    return { text, state: this.#refused ? 'refused' : 'offline', again: true };
  }

  /** Shows the reason against a name; empty for none. */
  nameError(words: string): void {
    const line = need('[data-chat-name-error]', this.#root);
    say(line, words);
    show(line, words !== '');
    find('[data-chat-name]', this.#root)?.toggleAttribute('aria-invalid', words !== '');
  }

  /** Shows the form for writing, for a name, the link to sign in, or none of them. */
  entry(which: 'write' | 'name' | 'sign-in' | 'none'): void {
    show(find('[data-chat-form]', this.#root), which === 'write');
    show(find('[data-chat-name-form]', this.#root), which === 'name');
    show(find('[data-chat-sign-in]', this.#root), which === 'sign-in');
  }
}

interface Banner {
  text: string;
  state: 'connecting' | 'open' | 'offline' | 'refused' | 'quiet';
  again: boolean;
}

function bannerOf(link: Link, room: Room, now: number): Banner {
  if (link.state === 'connecting') {
    return { text: t('chatConnecting'), state: 'connecting', again: false };
  }
  if (link.state === 'closed') {
    const { refusal, retryAt } = link;
    const again = retryAt !== null;
    const n = waitWords(Math.max(1, Math.ceil(((retryAt ?? now) - now) / 1_000)));
    if (!refusal) return { text: t('chatOffline', { n }), state: 'offline', again };
    const words = refusalWords(refusal);
    return { text: again ? `${words} ${t('chatAgainIn', { n })}` : words, state: 'refused', again };
  }
  const { you } = room;
  if (you?.reason === 'timed_out' && (you.until ?? 0) > now) {
    const n = waitWords(Math.ceil(((you.until ?? now) - now) / 1_000));
    return { text: t('chatTimedOut', { n }), state: 'quiet', again: false };
  }
  if (you?.reason === 'members_only') {
    return { text: t('chatErrorMembers'), state: 'quiet', again: false };
  }
  if (you?.reason === 'banned') return { text: t('chatErrorBanned'), state: 'quiet', again: false };
  return { text: '', state: 'open', again: false };
}
