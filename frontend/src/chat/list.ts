import { Layout } from './layout';

/** Rows drawn above and below what is seen, in pixels, so that a quick scroll meets no blank. */
const OVER = 400;
/** This close to the end (px) the list follows it. */
const NEAR_END = 32;
/** A row drawn for the first time may change the tops of those after it; twice settles it. */
const PASSES = 3;

export interface ListOptions<R extends { key: string }> {
  draw: (row: R) => HTMLElement;
  /** Says that what `draw` made for a row may stay. */
  same: (before: R, after: R) => boolean;
  /** The list began or ceased to follow the end. */
  followed: (following: boolean) => void;
}

/** A list that draws only the rows in sight, keeps the reader's place, and follows its end. */
export class VirtualList<R extends { key: string }> {
  readonly #before = document.createElement('div');
  readonly #window = document.createElement('div');
  readonly #after = document.createElement('div');
  readonly #layout = new Layout<string>();
  readonly #drawn = new Map<string, { row: R; element: HTMLElement }>();
  #rows: readonly R[] = [];
  #next: readonly R[] = [];
  #following = true;
  /** Place of the reader: a row, and its distance from the top of the view (px). */
  #anchor: { key: string; offset: number } | null = null;
  #width = 0;
  #placed = -1;
  #scheduled = false;

  constructor(
    private readonly view: HTMLElement,
    private readonly options: ListOptions<R>,
  ) {
    for (const spacer of [this.#before, this.#after]) spacer.setAttribute('aria-hidden', 'true');
    this.#window.className = 'chat-rows';
    view.append(this.#before, this.#window, this.#after);
    view.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(view);
    // A picture that has loaded, or a font, changes heights after the fact.
    view.addEventListener('load', () => this.schedule(), true);
  }

  get following(): boolean {
    return this.#following;
  }

  get rows(): readonly R[] {
    this.#take();
    return this.#rows;
  }

  /** Takes the rows that there are now; draws them with the next picture. */
  set(rows: readonly R[]): void {
    this.#next = rows;
    this.schedule();
  }

  /** Once for a picture, however often `set` was called for it. */
  #take(): void {
    const rows = this.#next;
    if (rows === this.#rows) return;
    // The anchor's row may be gone: the next one that stays takes its place.
    if (this.#anchor && !this.#following) this.#anchor = this.#anchorAmong(rows, this.#anchor);
    this.#rows = rows;
    this.#layout.setKeys(rows.map(({ key }) => key));
  }

  /** Goes to the newest row and stays with it. */
  toEnd(): void {
    this.#follow(true);
    this.#anchor = null;
    this.render();
  }

  /** Brings a row into sight; true where there is such a row. */
  show(key: string): boolean {
    this.#take();
    const index = this.#layout.indexOf(key);
    if (index < 0) return false;
    const top = this.#layout.top(index);
    const bottom = this.#layout.top(index + 1);
    const { scrollTop, clientHeight } = this.view;
    if (top < scrollTop || bottom > scrollTop + clientHeight) {
      this.#follow(false);
      const offset = top < scrollTop ? 8 : Math.max(8, clientHeight - (bottom - top) - 8);
      this.#anchor = { key, offset };
      this.render();
    }
    return true;
  }

  /** The element of a row, where it is drawn. */
  element(key: string): HTMLElement | null {
    return this.#drawn.get(key)?.element ?? null;
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.render();
    });
  }

  render(): void {
    this.#take();
    const { view } = this;
    const height = view.clientHeight;
    if (height === 0) return;
    for (let pass = 0; pass < PASSES; pass += 1) {
      const top = this.#target(height);
      this.#draw(this.#layout.range(top, height, OVER));
      if (!this.#measure()) break;
    }
    this.#place(this.#target(height));
  }

  /** The scroll position that keeps the promise: the end, or the anchor where it was. */
  #target(height: number): number {
    const most = Math.max(0, this.#layout.total - height);
    if (this.#following) return most;
    const index = this.#anchor ? this.#layout.indexOf(this.#anchor.key) : -1;
    if (!this.#anchor || index < 0) return Math.min(most, this.view.scrollTop);
    return Math.max(0, Math.min(most, this.#layout.top(index) - this.#anchor.offset));
  }

  #place(top: number): void {
    // Setting the position ends a swipe on a phone: only where it differs.
    if (Math.abs(this.view.scrollTop - top) >= 1) this.view.scrollTop = top;
    this.#placed = this.view.scrollTop;
  }

  #draw({ from, to }: { from: number; to: number }): void {
    const wanted = this.#rows.slice(from, to);
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, { element }] of this.#drawn) {
      if (keys.has(key)) continue;
      // Focus must not fall out of the list with the row that had it.
      if (element.contains(document.activeElement)) this.view.focus({ preventScroll: true });
      element.remove();
      this.#drawn.delete(key);
    }
    let next = this.#window.firstElementChild;
    for (const row of wanted) {
      const old = this.#drawn.get(row.key);
      let element: HTMLElement;
      if (old && (old.row === row || this.options.same(old.row, row))) {
        element = old.element;
        old.row = row;
      } else {
        element = this.options.draw(row);
        element.dataset['key'] = row.key;
        if (old) {
          const focused = old.element.contains(document.activeElement);
          if (next === old.element) next = next.nextElementSibling;
          old.element.remove();
          if (focused) queueMicrotask(() => element.focus({ preventScroll: true }));
        }
        this.#drawn.set(row.key, { row, element });
      }
      if (element === next) next = next.nextElementSibling;
      else this.#window.insertBefore(element, next);
    }
    this.#before.style.height = `${this.#layout.top(from)}px`;
    this.#after.style.height = `${this.#layout.total - this.#layout.top(to)}px`;
  }

  #measure(): boolean {
    let news = false;
    for (const [key, { element }] of this.#drawn) {
      if (this.#layout.measured(key, element.offsetHeight)) news = true;
    }
    return news;
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.view;
    // The echo of our own placing says nothing about the reader.
    if (Math.abs(scrollTop - this.#placed) < 1) return;
    this.#placed = scrollTop;
    this.#follow(scrollTop >= scrollHeight - clientHeight - NEAR_END);
    this.#anchor = this.#following ? null : this.#anchorAt(scrollTop);
    this.schedule();
  }

  #anchorAt(scrollTop: number): { key: string; offset: number } | null {
    const index = this.#layout.at(scrollTop);
    const row = this.#rows[index];
    return row ? { key: row.key, offset: this.#layout.top(index) - scrollTop } : null;
  }

  #anchorAmong(
    rows: readonly R[],
    anchor: { key: string; offset: number },
  ): { key: string; offset: number } | null {
    const keys = new Set(rows.map(({ key }) => key));
    if (keys.has(anchor.key)) return anchor;
    for (let index = this.#layout.indexOf(anchor.key) + 1; index < this.#rows.length; index += 1) {
      const row = this.#rows[index];
      if (row && keys.has(row.key)) return { key: row.key, offset: Math.min(0, anchor.offset) };
    }
    const first = rows[0];
    return first ? { key: first.key, offset: 0 } : null;
  }

  #resized(): void {
    if (this.view.clientWidth !== this.#width) {
      this.#width = this.view.clientWidth;
      this.#layout.forget();
    }
    this.schedule();
  }

  #follow(following: boolean): void {
    if (following === this.#following) return;
    this.#following = following;
    this.options.followed(following);
  }
}
