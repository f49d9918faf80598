import { findAll } from '../lib/dom';
import type { Mark } from './seek-bar';

/** Return the index of the chapter at `position` (seconds); -1 before the first. */
export function chapterAt(marks: readonly Mark[], position: number): number {
  let found = -1;
  marks.forEach(({ at }, index) => {
    if (at <= position) found = index;
  });
  return found;
}

/**
 * The chapters of the page: `<ol data-chapters>` with links `<a data-at="83" href="?t=83">`.
 *
 * Links with `data-at` elsewhere on the page, for instance in a description, seek as well.
 */
export class Chapters {
  readonly marks: readonly Mark[];
  readonly #links: readonly HTMLElement[];

  constructor(seek: (at: number) => void) {
    this.#links = findAll('[data-chapters] [data-at]')
      .filter((link) => Number.isFinite(time(link)))
      .sort((one, other) => time(one) - time(other));
    this.marks = this.#links.map((link) => ({
      at: time(link),
      title: (link.dataset['title'] ?? link.textContent ?? '').trim(),
    }));
    document.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      const target = event.target instanceof Element ? event.target : null;
      const link = target?.closest<HTMLElement>('a[data-at], button[data-at]');
      if (!link || !Number.isFinite(time(link))) return;
      event.preventDefault();
      seek(time(link));
    });
  }

  /** Marks the chapter that is shown. */
  show(position: number): void {
    const current = chapterAt(this.marks, position);
    this.#links.forEach((link, index) => {
      if (index !== current) link.removeAttribute('aria-current');
      else if (!link.hasAttribute('aria-current')) link.setAttribute('aria-current', 'true');
    });
  }

  title(position: number): string {
    return this.marks[chapterAt(this.marks, position)]?.title ?? '';
  }
}

const time = (link: HTMLElement): number => Number(link.dataset['at'] || NaN);
