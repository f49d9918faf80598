import { t } from '../i18n';
import type { MessageRow } from './model';
import { spoken } from './rows';

/** Milliseconds between two announcements: a screen reader that is told more says nothing whole. */
const EVERY = 2_500;

/** Reads new messages to a screen reader: one at a time, and how many more there were.
 *
 * The list itself cannot be the live region: it draws and removes rows as one scrolls.
 */
export class Announcer {
  #waiting: MessageRow[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly region: HTMLElement) {}

  add(rows: readonly MessageRow[]): void {
    this.#waiting.push(...rows.filter(({ own }) => !own));
    if (this.#waiting.length) this.#timer ??= setTimeout(() => this.#say(), 150);
  }

  #say(): void {
    const rows = this.#waiting;
    this.#waiting = [];
    const told = rows.find(({ mentioned }) => mentioned) ?? rows.at(-1);
    if (!told) {
      this.#timer = undefined;
      return;
    }
    const more = rows.length - 1;
    this.region.textContent = more
      ? `${spoken(told)} ${t('chatSpokenMore', { n: more })}`
      : spoken(told);
    this.#timer = setTimeout(() => this.#say(), EVERY);
  }
}
