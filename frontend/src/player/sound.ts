import { recall, remember } from '../lib/storage';

/** Volume and mute of this browser, kept across visits, and the start of playback under the
 * rules of browsers, which refuse sound before the person has touched the page. */
export class Sound {
  /** Muted by the browser's rule, not by the person: never remembered. */
  #forced = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly forcedChanged: (forced: boolean) => void,
    private readonly alwaysMuted: boolean,
  ) {
    const volume = Number(recall('volume') ?? '1');
    video.volume = volume >= 0 && volume <= 1 ? volume : 1;
    video.muted = alwaysMuted || recall('muted') === '1';
    video.addEventListener('volumechange', () => this.#changed());
  }

  /** Plays with sound if the browser lets us, else muted; false if it allows neither. */
  async play(): Promise<boolean> {
    if (await this.#allowed()) return true;
    if (this.video.muted) return false;
    this.#setForced(true);
    this.video.muted = true;
    if (await this.#allowed()) return true;
    this.unmute();
    return false;
  }

  async #allowed(): Promise<boolean> {
    try {
      await this.video.play();
      return true;
    } catch (error) {
      return !(error instanceof DOMException && error.name === 'NotAllowedError');
    }
  }

  unmute(): void {
    this.#setForced(false);
    this.video.muted = false;
    if (this.video.volume === 0) this.video.volume = 0.5;
  }

  #changed(): void {
    if (this.#forced && this.video.muted) return;
    this.#setForced(false);
    if (this.alwaysMuted) return;
    remember('volume', String(this.video.volume));
    remember('muted', this.video.muted ? '1' : '0');
  }

  #setForced(forced: boolean): void {
    if (this.#forced === forced) return;
    this.#forced = forced;
    this.forcedChanged(forced);
  }
}
