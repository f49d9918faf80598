import type { MediaChromeMenu } from 'media-chrome/menu/media-chrome-menu';
import { language, t } from '../i18n';
import { need } from '../lib/dom';
import { recall, remember } from '../lib/storage';
import { ChoiceMenu } from './choice-menu';

const KEY = 'subtitles';
const OFF = 'off';

/**
 * Return the index of the subtitles that are shown; -1 for none.
 *
 * `wished` is what was chosen last, a language or "off"; null before anything was. Without it, and
 * where a video has none in that language, those in the language of the `page` are shown.
 */
export function choose(languages: readonly string[], wished: string | null, page: string): number {
  if (wished === OFF) return -1;
  for (const each of [wished, page]) {
    if (each === null) continue;
    const exact = languages.indexOf(each);
    if (exact >= 0) return exact;
    const similar = languages.findIndex((other) => primary(other) === primary(each));
    if (similar >= 0) return similar;
  }
  return -1;
}

const primary = (tag: string): string => tag.split('-')[0]!.toLowerCase();

/** The menu of subtitles: those of the page's `<track>` elements, which every browser shows. */
export class SubtitlesMenu {
  readonly #tracks: readonly HTMLTrackElement[];
  readonly #menu: ChoiceMenu | null = null;
  #shown: number;

  constructor(player: HTMLElement, video: HTMLVideoElement) {
    this.#tracks = [...video.querySelectorAll('track')];
    this.#shown = choose(this.#languages, recall(KEY), language);
    if (!this.#tracks.length) return;
    const menu = need<MediaChromeMenu>('[data-subtitles-menu]', player);
    this.#menu = new ChoiceMenu(menu, (value) => this.#select(Number(value)));
    // A browser may switch on what its own settings say.
    video.textTracks.addEventListener('change', () => this.#apply());
    this.#apply();
  }

  /** Shows subtitles, or none. */
  toggle(): void {
    if (!this.#tracks.length) return;
    const best = choose(this.#languages, null, language);
    this.#select(this.#shown >= 0 ? -1 : Math.max(0, best));
  }

  get #languages(): string[] {
    return this.#tracks.map((track) => track.srclang);
  }

  #select(index: number): void {
    this.#shown = index;
    remember(KEY, this.#tracks[index]?.srclang ?? OFF);
    this.#apply();
  }

  #apply(): void {
    this.#tracks.forEach(({ track }, index) => {
      const mode = index === this.#shown ? 'showing' : 'disabled';
      if (track.mode !== mode) track.mode = mode;
    });
    this.#menu?.render([
      { value: '-1', text: t('subtitlesOff'), checked: this.#shown < 0 },
      ...this.#tracks.map((track, index) => ({
        value: String(index),
        text: track.label,
        checked: index === this.#shown,
      })),
    ]);
  }
}
