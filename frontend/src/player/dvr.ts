import { t } from '../i18n';
import { clock } from '../lib/format';
import type { ChannelStatus } from '../lib/status';
import type { Engine } from './engine';
import { caughtUp, isOn, kept, route, showSpan, type Offer, type View } from './rewind';
import { SeekBar } from './seek-bar';
import type { PlayerEvent, Rewind } from './state';
import { bufferedTo, placeOf, within, type Timeline } from './timeline';

const STEP = 5;
const LONG_STEP = 10;

interface Targets {
  readonly root: HTMLElement;
  readonly video: HTMLVideoElement;
  readonly engine: Engine;
  readonly send: (event: PlayerEvent) => void;
  readonly goLive: () => void;
}

/** The seek bar of a show that is on, and what follows from its use. */
export class Dvr {
  readonly #bar: SeekBar;
  #offer: Offer | null = null;
  #rewind: Rewind | null = null;
  /** Date of a seek that is not done yet. */
  #target: number | null = null;
  /** Date of the picture at which the person paused. */
  #paused: number | null = null;
  #shown: Timeline | null = null;
  /** Date of the last picture that was shown. */
  #last: number | null = null;

  constructor(private readonly of: Targets) {
    const { root, video } = of;
    this.#bar = new SeekBar(
      root,
      {
        tip: ({ end }, at) => `−${clock(end - at)}`,
        spoken: ({ end }, at) => this.#spoken(end - at),
      },
      (date) => this.seek(date),
      (seconds) => this.seekBy(seconds),
    );
    for (const type of ['seeked', 'playing', 'loadeddata']) {
      video.addEventListener(type, () => {
        this.#target = null;
        this.render();
      });
    }
    video.addEventListener('timeupdate', () => this.render());
    video.addEventListener('pause', () => {
      this.#paused = video.ended ? null : this.date();
    });
    video.addEventListener('play', () => this.#onPlay());
  }

  /** Takes what the station says about the show. */
  status({ state, rewindUrl, since }: ChannelStatus): void {
    const over = state === 'offline' || state === 'ended';
    const to = over ? kept(this.#paused, this.#view()) : null;
    if (to) this.of.send({ type: 'rewind', to });
    const known = this.#offer;
    if (rewindUrl === null || since === null) this.#offer = null;
    else if (known?.src !== rewindUrl) {
      this.#offer = { src: rewindUrl, began: since.getTime() / 1_000 };
    }
    this.render();
  }

  /** Takes what the player's state says is played. */
  played(rewind: Rewind | null): void {
    if (rewind === this.#rewind) return;
    this.#rewind = rewind;
    if (rewind === null) this.forget();
    this.of.root.toggleAttribute('data-rewound', rewind !== null);
  }

  /** Forgets where the person wanted to be, on the way to the live edge. */
  forget(): void {
    this.#target = null;
    this.#paused = null;
    this.#last = null;
  }

  /** Date that is shown, or wished for, in seconds since 1970; null while unknown. */
  date(): number | null {
    if (this.#target !== null) return this.#target;
    const { video, engine } = this.of;
    const date = placeOf(video, -1) < 0 ? null : engine.playingDate();
    return date && date.getTime() / 1_000;
  }

  /** Date to go on from after a failure. */
  place(): number | null {
    return this.date() ?? this.#last;
  }

  /** Seconds behind the show for somebody who went back; null at the live edge. */
  behind(now: number): number | null {
    const view = this.#view();
    const date = this.date();
    if (!view.rewind || date === null) return null;
    return (isOn(view) ? (view.loaded?.end ?? now) : now) - date;
  }

  seek(date: number): void {
    const view = this.#view();
    const to = route(date, view);
    if (to === 'live') {
      this.of.goLive();
      return;
    }
    this.#target = view.loaded && to === 'here' ? within(showSpan(view) ?? view.loaded, date) : date;
    if (this.of.video.paused) this.#paused = this.#target;
    if (to === 'here') this.of.engine.seekDate(date);
    else this.of.send({ type: 'rewind', to: to.rewind });
    this.render();
  }

  /** Seeks by some seconds; false where the show has no dates to go by. */
  seekBy(seconds: number): boolean {
    const date = this.date();
    if (date === null || !(this.#offer ?? this.#rewind)) return false;
    this.seek(date + seconds);
    return true;
  }

  /** What is to be done about once a second. */
  tick(): void {
    const { video, goLive } = this.of;
    const shown = this.date();
    const starved = video.readyState < 3;
    const playing = !video.paused && !video.seeking && this.#target === null;
    if (playing && shown !== null) {
      if (caughtUp(this.#view(), { shown, speed: video.playbackRate, starved })) goLive();
    }
    this.render();
  }

  render(): void {
    const { video } = this.of;
    const span = showSpan(this.#view());
    const position = this.date();
    this.#last = position ?? this.#last;
    if (!(this.#offer ?? this.#rewind)) this.#shown = null;
    else if (span && position !== null) {
      const ahead = bufferedTo(video.buffered, video.currentTime) - video.currentTime;
      const live = !this.#rewind && this.of.root.dataset['behind'] !== 'true';
      this.#shown = {
        ...span,
        position: live && this.#target === null ? span.end : position,
        buffered: position + ahead,
      };
    } else if (this.#shown && position !== null) {
      // While another playlist is loaded.
      this.#shown = { ...this.#shown, position, buffered: position };
    }
    this.#bar.render(this.#shown);
    this.of.root.dataset['place'] = position === null ? '' : position.toFixed(3);
  }

  /** Keys by which a show is rewound. */
  keys(otherwise: (seconds: number) => void): Record<string, () => void> {
    const by = (seconds: number) => (): void => {
      if (!this.seekBy(seconds)) otherwise(seconds);
    };
    return { ArrowLeft: by(-STEP), ArrowRight: by(STEP), j: by(-LONG_STEP) };
  }

  #view(): View {
    const loaded = this.of.engine.loaded();
    const { src, began } = this.#rewind ?? { src: '', began: 0 };
    // The long playlist knows when its show began.
    if (loaded && this.#offer && this.#offer.src === src && loaded.start !== began) {
      this.#offer = { src, began: loaded.start };
    }
    return { offer: this.#offer, rewind: this.#rewind, loaded };
  }

  #spoken(behind: number): string {
    return behind < 1 ? t('live') : t('seekBehind', { time: clock(behind) });
  }

  /** Goes on where the person paused, also where the live window has left that behind. */
  #onPlay(): void {
    const paused = this.#paused;
    this.#paused = null;
    const { video, engine, send } = this.of;
    if (this.#rewind) return;
    const to = paused === null ? 'here' : route(paused, this.#view());
    if (typeof to === 'object') {
      this.#target = paused;
      send({ type: 'rewind', to: to.rewind });
      return;
    }
    // A pause that outlasts the playlist leaves nothing to go on from.
    const { seekable } = video;
    if (seekable.length && video.currentTime < seekable.start(0)) engine.goLive();
  }
}
