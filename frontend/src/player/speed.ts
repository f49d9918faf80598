import type { MediaChromeMenu } from 'media-chrome/menu/media-chrome-menu';
import { t } from '../i18n';
import { need, say } from '../lib/dom';
import { ChoiceMenu } from './choice-menu';

export const SPEEDS: readonly number[] = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

/** Return the next faster (`by` 1) or slower (-1) speed. */
export function nextSpeed(speed: number, by: 1 | -1): number {
  const next =
    by > 0 ? SPEEDS.find((each) => each > speed) : [...SPEEDS].reverse().find((each) => each < speed);
  return next ?? speed;
}

/** The speed menu. What is loaded later keeps the speed. */
export class SpeedMenu {
  readonly #menu: ChoiceMenu;
  readonly #button: HTMLElement;

  constructor(
    player: HTMLElement,
    private readonly video: HTMLVideoElement,
  ) {
    this.#button = need('#speed-button', player);
    this.#menu = new ChoiceMenu(need<MediaChromeMenu>('[data-speed-menu]', player), (value) =>
      this.set(Number(value)),
    );
    video.addEventListener('ratechange', () => this.#render());
    this.#render();
  }

  set(speed: number): void {
    this.video.defaultPlaybackRate = speed;
    this.video.playbackRate = speed;
    this.#render();
  }

  change(by: 1 | -1): void {
    this.set(nextSpeed(this.video.defaultPlaybackRate, by));
  }

  #render(): void {
    // At the live edge the engine itself plays a little faster for a while.
    const speed = this.video.defaultPlaybackRate;
    say(need('[data-speed]', this.#button), `${speed}×`);
    this.#button.setAttribute('aria-label', t('speedLabel', { n: speed }));
    this.#menu.render(
      SPEEDS.map((each) => ({
        value: String(each),
        text: each === 1 ? t('speedNormal') : `${each}×`,
        checked: each === speed,
      })),
    );
  }
}
