import type { MediaController } from 'media-chrome/media-controller';
import { find, need, show } from '../lib/dom';
import { bindKeys, type KeyActions } from './keys';
import { Sound } from './sound';

/** The controls wait for the first picture, but no longer than this (ms). */
export const CONTROLS_AFTER = 1_500;

/** What the players of a channel and of a video have in common: the elements of
 * `includes/player.html`, sound and pausing, the controls and their keys. */
export class Shell {
  readonly video: HTMLVideoElement;
  readonly #controller: MediaController;
  readonly #help: HTMLDialogElement;
  readonly #sound: Sound;
  /** Paused by the person, or by a browser that wants a press first: nothing plays by itself. */
  held = false;
  #dressed = false;

  constructor(readonly root: HTMLElement) {
    const video = need<HTMLVideoElement>('video', root);
    this.video = video;
    this.#controller = need<MediaController>('media-controller', root);
    this.#help = need<HTMLDialogElement>('[data-help]', root);
    const tapForSound = need<HTMLButtonElement>('[data-unmute]', root);
    this.#sound = new Sound(
      video,
      (forced) => show(tapForSound, forced),
      root.hasAttribute('data-muted'),
    );
    tapForSound.addEventListener('click', () => this.#sound.unmute());
    find('[data-help-open]', root)?.addEventListener('click', () => this.#help.showModal());

    const lookForPicture = (): void => {
      root.toggleAttribute('data-sound-only', video.readyState > 0 && video.videoWidth === 0);
    };
    for (const type of ['playing', 'resize', 'emptied']) {
      video.addEventListener(type, lookForPicture);
    }
    video.addEventListener('playing', () => {
      root.dataset['firstPicture'] ??= performance.now().toFixed(0);
    });
    // New media pause a video without this event.
    video.addEventListener('pause', () => {
      this.held = !video.ended;
    });
    video.addEventListener('play', () => {
      this.held = false;
    });
    video.addEventListener('playing', () => this.dress(), { once: true });
    setTimeout(() => this.dress(), CONTROLS_AFTER);
  }

  /** Half of the player's code is its controls: the first picture does not wait for them. */
  dress(): void {
    if (this.#dressed) return;
    this.#dressed = true;
    void import('./chrome').then(() => {
      // Not the controller alone: what the overlay says must be read in full screen too.
      this.#controller.fullscreenElement = this.root;
    });
  }

  /** Plays on after the video was given new media, which pauses it. */
  async resume(): Promise<void> {
    if (!this.held && !(await this.#sound.play())) this.held = true;
  }

  /** Takes the focus of a button that goes, for the keyboard. */
  focus(): void {
    this.#controller.focus({ preventScroll: true });
  }

  /** Keeps the picture in view while the video is given other media. */
  freeze(): void {
    const { video } = this;
    if (video.readyState < 2 || video.videoWidth === 0) return;
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    video.poster = canvas.toDataURL('image/jpeg', 0.8);
    video.addEventListener('loadeddata', () => video.removeAttribute('poster'), { once: true });
  }

  bindKeys(actions: KeyActions): void {
    bindKeys({ video: this.video, controller: this.#controller, help: this.#help }, actions);
  }
}
