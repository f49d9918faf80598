import type { MediaChromeMenu } from 'media-chrome/menu/media-chrome-menu';
import { t } from '../i18n';
import { find, need, say } from '../lib/dom';
import { latency as latencyText } from '../lib/format';
import type { Engine } from './engine';
import { isBehind, shownLatency } from './latency';

/** The live button with its latency readout, and the quality menu. */
export class Controls {
  readonly #live: HTMLButtonElement;
  readonly #menu: MediaChromeMenu;
  #menuShows = '';

  constructor(
    private readonly player: HTMLElement,
    private readonly video: HTMLVideoElement,
    private readonly engine: Engine,
    goLive: () => void,
  ) {
    this.#live = need<HTMLButtonElement>('[data-live-button]', player);
    this.#live.addEventListener('click', goLive);
    this.#menu = need<MediaChromeMenu>('[data-quality-menu]', player);
    this.#menu.addEventListener('change', () => engine.choose(Number(this.#menu.value)));
  }

  /** Brings the latency readout up to date; about once a second. */
  tick(now: number): void {
    const date = this.engine.playingDate();
    const wall = date ? (now - date.getTime()) / 1_000 : null;
    const edge = this.engine.edgeLatency();
    const latency = this.video.readyState >= 2 ? shownLatency(wall, edge) : null;
    const behind = isBehind(edge ?? latency, this.engine.targetLatency());

    this.player.dataset['latency'] = latency === null ? '' : latency.toFixed(3);
    this.player.dataset['behind'] = String(behind);
    const readable = latency === null ? '' : latencyText(latency);
    say(find('[data-live-text]', this.#live), t(behind ? 'behind' : 'live'));
    say(find('[data-latency-text]', this.#live), readable && t('seconds', { n: readable }));
    const label = readable
      ? t(behind ? 'behindLabel' : 'liveLabel', { n: readable })
      : t('live');
    if (this.#live.getAttribute('aria-label') !== label) {
      this.#live.setAttribute('aria-label', label);
    }
  }

  renderLevels(): void {
    const levels = this.engine.levels();
    const { wished, playing } = this.engine.level();
    const name = (index: number): string => levels[index]?.name || t('audioOnly');
    this.player.dataset['level'] = playing >= 0 ? name(playing) : '';
    this.player.dataset['levels'] = String(levels.length);

    const shows = JSON.stringify([levels, wished, playing]);
    if (shows === this.#menuShows) return;
    this.#menuShows = shows;
    const automatic = playing >= 0 ? t('autoNow', { name: name(playing) }) : t('auto');
    const entries: Entry[] = [
      { value: '-1', text: automatic, checked: wished === -1 },
      ...[...levels].reverse().map(({ index }) => ({
        value: String(index),
        text: name(index),
        checked: wished === index,
      })),
    ];
    const items = [...this.#menu.querySelectorAll('media-chrome-menu-item')];
    const sameOnes =
      items.length === entries.length &&
      items.every((item, index) => item.getAttribute('value') === entries[index]!.value);
    if (sameOnes) {
      // Somebody may be choosing at this moment: what is under the pointer stays where it is.
      items.forEach((item, index) => fill(item, entries[index]!));
    } else {
      this.#menu.replaceChildren(...entries.map(menuItem));
    }
  }
}

interface Entry {
  readonly value: string;
  readonly text: string;
  readonly checked: boolean;
}

function menuItem(entry: Entry): HTMLElement {
  const item = document.createElement('media-chrome-menu-item');
  item.setAttribute('type', 'radio');
  item.setAttribute('value', entry.value);
  fill(item, entry);
  return item;
}

function fill(item: Element, { text, checked }: Entry): void {
  item.toggleAttribute('checked', checked);
  if (item.textContent !== text) item.textContent = text;
}
