import { t } from '../i18n';
import { make } from './dom';
import { place, steer } from './menu';
import type { Emote } from './protocol';

/** Signs that every keyboard of a phone has, for desks that have none. */
const SIGNS = ['😀', '😂', '🤣', '😊', '😍', '🥰', '😎', '🤔', '😮', '😢', '😭', '😡', '👍', '👎', '👏', '🙏', '💪', '🙌', '❤️', '🔥', '🎉', '✨', '💯', '👀'];

/** A board of emotes and signs over `at`. Closes by itself when one leaves it. */
export function openPicker(
  at: HTMLElement,
  emotes: readonly Emote[],
  picked: (text: string) => void,
): void {
  const board = make('div', { class: 'chat-menu chat-picker', role: 'dialog', 'aria-label': t('chatEmotes') });
  if (emotes.length) {
    board.append(
      make('p', { class: 'chat-menu-title' }, t('chatEmotes')),
      grid(emotes.map(({ name, url }) => cell(`:${name}:`, make('img', { src: url, alt: '', loading: 'lazy' })))),
    );
  }
  board.append(
    make('p', { class: 'chat-menu-title' }, t('chatSigns')),
    grid(SIGNS.map((sign) => cell(sign, sign))),
  );
  document.body.append(board);
  place(board, at);
  at.setAttribute('aria-expanded', 'true');
  const cells = [...board.querySelectorAll('button')];
  cells[0]?.focus({ preventScroll: true });

  const close = (giveBack: boolean): void => {
    board.remove();
    at.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', outside, true);
    removeEventListener('resize', away);
    if (giveBack) at.focus({ preventScroll: true });
  };
  const outside = (event: Event): void => {
    if (!board.contains(event.target as Node)) close(false);
  };
  const away = (): void => close(false);
  document.addEventListener('pointerdown', outside, true);
  addEventListener('resize', away);
  board.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      close(true);
      event.stopPropagation();
    }
    const to = steer(event.key, cells.indexOf(document.activeElement as HTMLButtonElement), cells.length);
    if (to === null) return;
    event.preventDefault();
    cells[to]?.focus();
  });

  function grid(children: HTMLElement[]): HTMLElement {
    return make('div', { class: 'chat-picker-grid' }, ...children);
  }

  function cell(text: string, face: Node | string): HTMLElement {
    const button = make('button', { type: 'button', class: 'chat-cell', 'aria-label': text, title: text }, face);
    button.addEventListener('click', () => {
      close(false);
      picked(text);
    });
    return button;
  }
}
