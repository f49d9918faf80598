import { icon, make } from './dom';

export interface Item {
  icon: string;
  label: string;
  tone?: 'bad';
  act: () => void;
}

/** Choices on one line, below a name: how long a time-out lasts. */
export interface Choices {
  icon: string;
  label: string;
  choices: readonly { label: string; spoken: string; act: () => void }[];
}

let opened: { close: (giveBack: boolean) => void } | null = null;

export const closeMenu = (): void => opened?.close(false);

/** A menu beside `at`, for mouse, touch and keyboard; focus goes back where it came from. */
export function openMenu(at: HTMLElement, title: string, entries: readonly (Item | Choices)[]): void {
  opened?.close(false);
  // A menu that was opened from another one has taken its place, and the focus with it.
  const active = document.activeElement;
  const origin = active instanceof HTMLElement && active !== document.body ? active : at;
  const menu = make('div', { class: 'chat-menu', role: 'menu', 'aria-label': title });
  menu.append(make('p', { class: 'chat-menu-title', 'aria-hidden': 'true' }, title));
  for (const entry of entries) menu.append('choices' in entry ? line(entry) : item(entry));
  document.body.append(menu);
  place(menu, at);

  const items = [...menu.querySelectorAll<HTMLElement>('[role=menuitem]')];
  const close = (giveBack: boolean): void => {
    if (!menu.isConnected) return;
    menu.remove();
    opened = null;
    document.removeEventListener('pointerdown', outside, true);
    removeEventListener('resize', away);
    if (giveBack) (origin.isConnected ? origin : at).focus({ preventScroll: true });
  };
  const outside = (event: Event): void => {
    if (!menu.contains(event.target as Node)) close(false);
  };
  const away = (): void => close(false);
  opened = { close };
  document.addEventListener('pointerdown', outside, true);
  addEventListener('resize', away);
  menu.addEventListener('click', (event) => {
    if ((event.target as Element).closest('[role=menuitem]')) close(true);
  });
  menu.addEventListener('keydown', (event) => {
    const here = items.indexOf(document.activeElement as HTMLElement);
    const to = steer(event.key, here, items.length);
    if (event.key === 'Escape' || event.key === 'Tab') close(true);
    else if (to === null) return;
    else items[to]?.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  items[0]?.focus({ preventScroll: true });

  function item(entry: Item): HTMLElement {
    const button = make(
      'button',
      { type: 'button', role: 'menuitem', tabindex: '-1', class: 'chat-menu-item', 'data-tone': entry.tone ?? null },
      icon(entry.icon),
      make('span', {}, entry.label),
    );
    button.addEventListener('click', entry.act);
    return button;
  }

  function line(entry: Choices): HTMLElement {
    const chips = entry.choices.map((choice) => {
      const chip = make(
        'button',
        { type: 'button', role: 'menuitem', tabindex: '-1', class: 'chat-chip', 'aria-label': choice.spoken, title: choice.spoken },
        choice.label,
      );
      chip.addEventListener('click', choice.act);
      return chip;
    });
    return make(
      'div',
      { class: 'chat-menu-line', role: 'group', 'aria-label': entry.label },
      make('span', { class: 'chat-menu-item', 'aria-hidden': 'true' }, icon(entry.icon), make('span', {}, entry.label)),
      make('div', { class: 'chat-chips' }, ...chips),
    );
  }
}

/** Returns the place among `count` that an arrow key leads to; null for every other key. */
export function steer(key: string, here: number, count: number): number | null {
  switch (key) {
    case 'ArrowDown':
    case 'ArrowRight':
      return (here + 1) % count;
    case 'ArrowUp':
    case 'ArrowLeft':
      return (here - 1 + count) % count;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}

const MARGIN = 8;

/** Below `at` or above it, wherever there is room, and never beyond the window. */
export function place(box: HTMLElement, at: HTMLElement): void {
  const anchor = at.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const below = anchor.bottom + 4 + height <= innerHeight - MARGIN;
  const top = below ? anchor.bottom + 4 : anchor.top - 4 - height;
  const left = Math.min(anchor.left, innerWidth - width - MARGIN);
  box.style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - height - MARGIN))}px`;
  box.style.left = `${Math.max(MARGIN, left)}px`;
}
