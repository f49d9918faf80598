import { need, say } from '../lib/dom';
import type { Storyboard, Tile } from './storyboard';
import { within, type Timeline } from './timeline';

export interface SeekWords {
  /** Over the bar, where the pointer is. */
  tip: (timeline: Timeline, at: number) => string;
  /** For screen readers. */
  spoken: (timeline: Timeline, at: number) => string;
}

export interface Mark {
  readonly at: number;
  readonly title: string;
}

/** Milliseconds for which the tip stays after a key. */
const KEY_TIP = 1_500;

/** Pixels of the player's height that its bars and the words of the tip take. */
const BESIDE_TILE = 96;

const STEP = 5;
const PAGE = 60;

const KEYS: Readonly<Record<string, number>> = {
  ArrowLeft: -STEP,
  ArrowDown: -STEP,
  ArrowRight: STEP,
  ArrowUp: STEP,
  PageDown: -PAGE,
  PageUp: PAGE,
  Home: -Infinity,
  End: Infinity,
};

/** The seek bar of a video or of a show that can be rewound. */
export class SeekBar {
  readonly #root: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #tip: HTMLElement;
  readonly #words: HTMLElement;
  readonly #picture: HTMLElement;
  readonly #marks: HTMLElement;
  #timeline: Timeline | null = null;
  #dragged = false;
  /** Where the tip is, in seconds of the bar. */
  #pointed = 0;
  #keyTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly player: HTMLElement,
    private readonly words: SeekWords,
    private readonly seek: (at: number) => void,
    /** Seeks by some seconds from what is shown. */
    private readonly seekBy: (seconds: number) => void,
    private readonly storyboard: Storyboard | null = null,
  ) {
    this.#root = need('[data-seek-bar]', player);
    this.#input = need<HTMLInputElement>('input', this.#root);
    this.#tip = need('[data-seek-tip]', this.#root);
    this.#words = need('[data-seek-words]', this.#tip);
    this.#picture = need('[data-seek-picture]', this.#tip);
    this.#marks = need('[data-seek-marks]', this.#root);
    // A drag is a preview; the seek comes with its end.
    this.#input.addEventListener('input', () => {
      this.#dragged = true;
      this.#paint(Number(this.#input.value));
      this.#point(Number(this.#input.value));
    });
    this.#input.addEventListener('change', () => {
      this.#dragged = false;
      if (this.#timeline) this.seek(this.#timeline.start + Number(this.#input.value));
    });
    this.#input.addEventListener('keydown', (event) => this.#onKey(event));
    this.#root.addEventListener('pointermove', (event) => this.#onPointer(event));
    this.#root.addEventListener('pointerleave', () => {
      if (!this.#dragged) this.#tip.hidden = true;
    });
    for (const type of ['pointerup', 'pointercancel', 'blur']) {
      this.#input.addEventListener(type, () => {
        this.#dragged = false;
        this.#tip.hidden = true;
      });
    }
    // Only who points at the bar needs its pictures.
    for (const type of ['pointerenter', 'focusin']) {
      this.#root.addEventListener(type, () => {
        void this.storyboard?.load().then(() => this.#illustrate());
      });
    }
  }

  render(timeline: Timeline | null): void {
    this.#timeline = timeline;
    this.#root.hidden = timeline === null;
    if (!timeline) return;
    const length = Math.max(0, timeline.end - timeline.start);
    this.#input.max = String(length);
    this.#root.style.setProperty('--buffered', percent(timeline.buffered - timeline.start, length));
    for (const mark of this.#marks.children as HTMLCollectionOf<HTMLElement>) {
      mark.style.insetInlineStart = percent(Number(mark.dataset['at']), length);
    }
    if (this.#dragged) return;
    const position = within(timeline, timeline.position) - timeline.start;
    this.#input.value = String(position);
    this.#paint(position);
    this.#input.setAttribute('aria-valuetext', this.words.spoken(timeline, timeline.position));
  }

  /** Marks the beginnings of chapters. */
  mark(marks: readonly Mark[]): void {
    this.#marks.replaceChildren(
      ...marks
        .filter(({ at }) => at > 0)
        .map(({ at }) => {
          const mark = document.createElement('span');
          mark.dataset['at'] = String(at);
          return mark;
        }),
    );
    this.render(this.#timeline);
  }

  #paint(position: number): void {
    this.#root.style.setProperty('--played', percent(position, Number(this.#input.max)));
  }

  #onKey(event: KeyboardEvent): void {
    const by = KEYS[event.key];
    const timeline = this.#timeline;
    if (by === undefined || !timeline || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (Number.isFinite(by)) this.seekBy(by);
    else this.seek(by < 0 ? timeline.start : timeline.end);
    this.#point(Number(this.#input.value));
    clearTimeout(this.#keyTimer);
    this.#keyTimer = setTimeout(() => {
      if (!this.#dragged && !this.#root.matches(':hover')) this.#tip.hidden = true;
    }, KEY_TIP);
  }

  #onPointer(event: PointerEvent): void {
    if (this.#dragged || event.pointerType === 'touch') return;
    const { left, width } = this.#input.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - left) / (width || 1), 0), 1);
    this.#point(share * Number(this.#input.max));
  }

  #point(at: number): void {
    const timeline = this.#timeline;
    if (!timeline) return;
    this.#pointed = at;
    this.#root.style.setProperty('--pointed', percent(at, Number(this.#input.max)));
    say(this.#words, this.words.tip(timeline, timeline.start + at));
    this.#tip.hidden = false;
    this.#illustrate();
  }

  /** Shows the picture of the place where the tip is, if there is one. */
  #illustrate(): void {
    const tile = this.storyboard?.at((this.#timeline?.start ?? 0) + this.#pointed) ?? null;
    this.#picture.hidden = tile === null;
    this.#tip.toggleAttribute('data-illustrated', tile !== null);
    if (tile) {
      cutOut(this.#picture, tile);
      // An upright picture is higher than a small player.
      const room = Math.max(0, this.player.clientHeight - BESIDE_TILE);
      this.#picture.style.zoom = String(Math.min(1, room / tile.height));
    }
    // The tip stays within the bar, however wide it is.
    this.#root.style.setProperty('--tip', `${this.#tip.offsetWidth / 2}px`);
  }
}

/** Shows a tile of its sheet as the background of an element. */
function cutOut({ style }: HTMLElement, { src, x, y, width, height }: Tile): void {
  style.width = `${width}px`;
  style.height = `${height}px`;
  style.backgroundImage = `url(${JSON.stringify(src)})`;
  style.backgroundPosition = `-${x}px -${y}px`;
}

function percent(value: number, whole: number): string {
  const share = whole > 0 ? Math.min(Math.max(value / whole, 0), 1) : 0;
  return `${(share * 100).toFixed(3)}%`;
}
