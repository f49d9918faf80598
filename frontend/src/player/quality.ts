import type { MediaChromeMenu } from 'media-chrome/menu/media-chrome-menu';
import { t } from '../i18n';
import { need } from '../lib/dom';
import { ChoiceMenu } from './choice-menu';
import type { Engine } from './engine';

export class QualityMenu {
  readonly #menu: ChoiceMenu;

  constructor(
    private readonly player: HTMLElement,
    private readonly engine: Engine,
  ) {
    this.#menu = new ChoiceMenu(need<MediaChromeMenu>('[data-quality-menu]', player), (value) =>
      engine.choose(Number(value)),
    );
  }

  render(): void {
    const levels = this.engine.levels();
    const { wished, playing } = this.engine.level();
    const name = (index: number): string => levels[index]?.name || t('audioOnly');
    this.player.dataset['level'] = playing >= 0 ? name(playing) : '';
    this.player.dataset['levels'] = String(levels.length);
    const automatic = playing >= 0 ? t('autoNow', { name: name(playing) }) : t('auto');
    this.#menu.render([
      { value: '-1', text: automatic, checked: wished === -1 },
      ...[...levels].reverse().map(({ index }) => ({
        value: String(index),
        text: name(index),
        checked: wished === index,
      })),
    ]);
  }
}
