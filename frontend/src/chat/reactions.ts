import { make } from './dom';

/** Pictures in the air at once, however many people react. */
const MOST = 24;
/** Pictures that one report of the server starts at most, of each kind. */
const MOST_AT_ONCE = 5;
const FLIGHT = 2_600;
/** A count stands this long (ms) after the last reaction. */
const COUNT_STANDS = 4_000;

/** Returns how many pictures `count` reactions start: all of a few, ever fewer of more. */
export const flights = (count: number): number =>
  Math.min(MOST_AT_ONCE, Math.max(1, Math.round(1 + Math.log2(Math.max(1, count)))));

/** Reactions rise beside the messages; their number stands in words, so that a flood is one line. */
export class Reactions {
  readonly #counts = new Map<string, { count: number; element: HTMLElement; timer: number }>();
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(
    private readonly air: HTMLElement,
    private readonly tally: HTMLElement,
  ) {}

  /** Shows that `count` people reacted with `sign`. */
  add(sign: string, count: number): void {
    this.#tell(sign, count);
    if (this.#still.matches || document.hidden) return;
    const room = Math.min(flights(count), MOST - this.air.childElementCount);
    for (let n = 0; n < room; n += 1) this.#fly(sign, n * 90);
  }

  #fly(sign: string, delay: number): void {
    const picture = make('span', { class: 'chat-flight' }, sign);
    picture.style.right = `${8 + Math.random() * 56}px`;
    this.air.append(picture);
    const sway = (Math.random() - 0.5) * 48;
    const flight = picture.animate(
      [
        { transform: 'translate(0, 0) scale(0.6)', opacity: 0 },
        { transform: `translate(${sway / 2}px, -48px) scale(1.1)`, opacity: 1, offset: 0.2 },
        { transform: `translate(${sway}px, -220px) scale(1)`, opacity: 0 },
      ],
      { duration: FLIGHT, delay, easing: 'ease-out', fill: 'both' },
    );
    flight.finished.finally(() => picture.remove()).catch(() => undefined);
  }

  #tell(sign: string, count: number): void {
    const known = this.#counts.get(sign);
    const element = known?.element ?? make('span', { class: 'chat-tally' });
    clearTimeout(known?.timer);
    const total = (known?.count ?? 0) + count;
    element.replaceChildren(make('span', { 'aria-hidden': 'true' }, sign), ` ${total}`);
    if (!known) this.tally.append(element);
    const timer = window.setTimeout(() => {
      element.remove();
      this.#counts.delete(sign);
    }, COUNT_STANDS);
    this.#counts.set(sign, { count: total, element, timer });
  }
}
