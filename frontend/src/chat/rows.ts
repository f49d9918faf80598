import { language, t, type Key } from '../i18n';
import { icon, iconButton, make } from './dom';
import type { MessageRow, Row } from './model';
import type { Emote, Role } from './protocol';
import { onlyEmotes, pieces } from './text';

/** Actions of a person on a row. */
export interface RowActs {
  reply(row: MessageRow): void;
  menu(row: Row, at: HTMLElement): void;
  retry(row: MessageRow): void;
  discard(row: MessageRow): void;
  quoted(id: string): void;
}

const BADGES: Partial<Record<Role, { icon: string; label: Key }>> = {
  owner: { icon: 'studio', label: 'chatOwner' },
  moderator: { icon: 'shield', label: 'chatModerator' },
  member: { icon: 'star', label: 'chatMember' },
};

const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hour12: false });

function timeOfDay(at: number): HTMLElement {
  const when = new Date(at);
  return make('time', { class: 'chat-time', datetime: when.toISOString() }, clock.format(when));
}

/** Draws the rows of a chat. `acts` is left out where nobody can act, as on an overlay; `stamp`
 * draws the time of a message (milliseconds since 1970). */
export class RowPainter {
  emotes: ReadonlyMap<string, Emote> = new Map();

  constructor(
    private readonly acts: RowActs | null,
    private readonly stamp: (at: number) => HTMLElement = timeOfDay,
  ) {}

  same(before: Row, after: Row): boolean {
    if (before.kind === 'notice' || after.kind === 'notice') return before === after;
    return (
      before.message === after.message &&
      before.state === after.state &&
      before.error === after.error &&
      before.mentioned === after.mentioned
    );
  }

  draw(row: Row): HTMLElement {
    return row.kind === 'notice' ? this.#notice(row) : this.#message(row);
  }

  #notice(row: Extract<Row, { kind: 'notice' }>): HTMLElement {
    const line = make('p', {}, row.text);
    const notice = make('div', { class: 'chat-row chat-notice', 'data-tone': row.tone, tabindex: '-1' }, line);
    if (this.acts && row.about) {
      const { acts } = this;
      const more = iconButton('more', t('chatMoreAbout', { name: row.about.name }), () => acts.menu(row, more));
      more.tabIndex = -1;
      notice.append(make('div', { class: 'chat-tools' }, more));
    }
    return notice;
  }

  #message(row: MessageRow): HTMLElement {
    const { message, state } = row;
    const article = make('article', {
      class: 'chat-row',
      tabindex: '-1',
      'data-message': message.id,
      'data-role': message.by.role,
      'data-state': state,
      'data-own': row.own ? '' : null,
      'data-mentioned': row.mentioned ? '' : null,
    });
    if (message.replyTo) article.append(this.#quote(message.replyTo));
    const line = make(
      'p',
      { class: 'chat-line' },
      this.stamp(message.at),
      this.#by(row),
      this.words(message.text),
    );
    article.append(line);
    if (state === 'failed') article.append(this.#failed(row));
    else if (this.acts && message.id) article.append(this.#tools(row, this.acts));
    return article;
  }

  #by(row: MessageRow): HTMLElement {
    const { by } = row.message;
    const badge = BADGES[by.role];
    const name = make('bdi', { class: 'chat-name' }, by.name);
    const who = make('span', { class: 'chat-by', style: `--hue: ${by.hue}` });
    if (badge) {
      who.append(
        make(
          'span',
          { class: 'chat-badge', role: 'img', 'aria-label': t(badge.label), title: t(badge.label) },
          icon(badge.icon),
        ),
      );
    }
    if (this.acts && row.message.id) {
      const { acts } = this;
      const button = make('button', { type: 'button', class: 'chat-name-button', tabindex: '-1' }, name);
      button.addEventListener('click', () => acts.menu(row, button));
      who.append(button);
    } else {
      who.append(name);
    }
    return who;
  }

  /** The text of a message with its links, mentions and emotes. */
  words(text: string): HTMLElement {
    const found = pieces(text, this.emotes);
    const words = make('span', { class: 'chat-text', 'data-large': onlyEmotes(found) ? '' : null });
    for (const piece of found) {
      switch (piece.kind) {
        case 'text':
          words.append(piece.text);
          break;
        case 'link':
          words.append(
            make(
              'a',
              { href: piece.href, target: '_blank', rel: 'noopener nofollow ugc', class: 'chat-link', title: piece.href },
              piece.text,
            ),
          );
          break;
        case 'mention':
          words.append(make('span', { class: 'chat-mention' }, piece.text));
          break;
        case 'emote':
          words.append(
            make('img', {
              class: 'chat-emote',
              src: this.emotes.get(piece.name)?.url ?? '',
              alt: piece.text,
              title: piece.text,
              loading: 'lazy',
              draggable: 'false',
            }),
          );
      }
    }
    return words;
  }

  #quote(quote: { id: string; by: string; text: string }): HTMLElement {
    const words = make(
      'span',
      { class: 'chat-quote-text' },
      make('bdi', { class: 'chat-quote-by' }, quote.by),
      ` ${quote.text}`,
    );
    if (!this.acts) return make('p', { class: 'chat-quote' }, icon('reply'), words);
    const { acts } = this;
    const label = t('chatQuoted', { name: quote.by });
    const button = make(
      'button',
      { type: 'button', class: 'chat-quote', tabindex: '-1', title: label },
      icon('reply'),
      words,
    );
    button.addEventListener('click', () => acts.quoted(quote.id));
    return button;
  }

  #tools(row: MessageRow, acts: RowActs): HTMLElement {
    const more = iconButton('more', t('chatMore', { name: row.message.by.name }), () => acts.menu(row, more));
    const reply = iconButton('reply', t('chatReplyTo', { name: row.message.by.name }), () => acts.reply(row));
    for (const button of [reply, more]) button.tabIndex = -1;
    return make('div', { class: 'chat-tools' }, reply, more);
  }

  #failed(row: MessageRow): HTMLElement {
    const { acts } = this;
    const again = make('button', { type: 'button', class: 'chat-text-button' }, t('chatSendAgain'));
    const away = make('button', { type: 'button', class: 'chat-text-button' }, t('chatDiscard'));
    again.addEventListener('click', () => acts?.retry(row));
    away.addEventListener('click', () => acts?.discard(row));
    return make('p', { class: 'chat-failed', role: 'alert' }, icon('warning'), make('span', {}, row.error), again, away);
  }
}

/** A message in one sentence, for a screen reader. */
export function spoken(row: MessageRow): string {
  const { by, text } = row.message;
  return row.mentioned
    ? t('chatSpokenMention', { name: by.name, text })
    : t('chatSpoken', { name: by.name, text });
}
