/** The loaded part of a show's chat. Pure: no clock, no network. Times in ms since 1970. */
import type { MessageRow } from './model';
import type { Message, ReplayPart } from './protocol';

/** Length of what is asked for at once (ms); windows begin at whole minutes, so that the answer of
 * a cache is for everybody. */
export const WINDOW = 60_000;
/** What follows is loaded so long (ms) before it is due. */
const AHEAD = 15_000;
/** Messages beyond it are forgotten, the oldest first, while the reader follows the picture. */
const KEPT = 3_000;

interface Window {
  rows: readonly MessageRow[];
  version: string;
}

/** Messages of a time without holes. Windows without messages are known without being loaded. */
export class Transcript {
  readonly #windows = new Map<number, Window>();
  #start = 0;
  #end = 0;
  #rows: MessageRow[] = [];
  #version = '';

  /** Start of the window that a picture of `date` needs; null where all is there. */
  wanted(date: number): number | null {
    if (date < this.#start || date >= this.#end) return windowOf(date);
    return this.#end - date < AHEAD ? windowOf(this.#end) : null;
  }

  /** Start of the window before what is loaded; null where nothing was said before. */
  get earlier(): number | null {
    return Number.isFinite(this.#start) && this.#end > 0 ? this.#start - WINDOW : null;
  }

  /** Starts of the windows in which messages may have been deleted since they were loaded. */
  get stale(): number[] {
    return [...this.#windows].flatMap(([at, { version }]) => (version === this.#version ? [] : [at]));
  }

  /** Takes the window that begins at `at`. `latest`: no cache kept the answer. */
  take(at: number, { messages, previous, next, version }: ReplayPart, latest = false): void {
    const start = previous === null ? -Infinity : windowOf(previous) + WINDOW;
    const end = next === null ? Infinity : windowOf(next);
    if (start > this.#end || end < this.#start) {
      this.#windows.clear();
      [this.#start, this.#end] = [start, end];
    } else {
      this.#start = Math.min(this.#start, start);
      this.#end = Math.max(this.#end, end);
    }
    if (latest || !this.#version) this.#version = version;
    this.#windows.set(at, { rows: messages.map(rowOf), version });
    this.#arrange();
  }

  /** Rows of what was said from `since` on until `date`. */
  between(since: number, date: number): readonly MessageRow[] {
    return this.#rows.slice(this.#count(since - 1), this.#count(date));
  }

  /** Forgets the oldest windows where there are too many messages, but none after `date`. */
  trim(date: number): void {
    let many = this.#rows.length;
    for (const [at, { rows }] of [...this.#windows].sort(([one], [other]) => one - other)) {
      if (many <= KEPT || at + WINDOW > date - WINDOW) break;
      many -= rows.length;
      this.#windows.delete(at);
      this.#start = at + WINDOW;
    }
    if (many < this.#rows.length) this.#arrange();
  }

  #arrange(): void {
    const windows = [...this.#windows].sort(([one], [other]) => one - other);
    this.#rows = windows.flatMap(([, { rows }]) => rows);
  }

  /** Number of rows until `date`. */
  #count(date: number): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle]!.message.at <= date) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Start of the window in which a time is. */
export const windowOf = (at: number): number => Math.floor(at / WINDOW) * WINDOW;

const rowOf = (message: Message): MessageRow => ({
  kind: 'message',
  key: message.id,
  message,
  state: 'sent',
  error: '',
  own: false,
  mentioned: false,
});
