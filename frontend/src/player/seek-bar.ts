import { need, say } from '../lib/dom';
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
  readonly #marks: HTMLElement;
  #timeline: Timeline | null = null;
  #dragged = false;

  constructor(
    player: HTMLElement,
    private readonly words: SeekWords,
    private readonly seek: (at: number) => void,
    /** Seeks by some seconds from what is shown. */
    private readonly seekBy: (seconds: number) => void,
  ) {
    this.#root = need('[data-seek-bar]', player);
    this.#input = need<HTMLInputElement>('input', this.#root);
    this.#tip = need('[data-seek-tip]', this.#root);
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
    this.#root.style.setProperty('--pointed', percent(at, Number(this.#input.max)));
    say(this.#tip, this.words.tip(timeline, timeline.start + at));
    this.#tip.hidden = false;
  }
}

function percent(value: number, whole: number): string {
  const share = whole > 0 ? Math.min(Math.max(value / whole, 0), 1) : 0;
  return `${(share * 100).toFixed(3)}%`;
}
