import type { MediaChromeMenu } from 'media-chrome/menu/media-chrome-menu';

export interface Choice {
  readonly value: string;
  readonly text: string;
  readonly checked: boolean;
}

/** A menu of the control bar in which one entry is chosen. */
export class ChoiceMenu {
  #shown = '';

  constructor(
    private readonly menu: MediaChromeMenu,
    choose: (value: string) => void,
  ) {
    menu.addEventListener('change', () => choose(menu.value));
  }

  render(choices: readonly Choice[]): void {
    const shown = JSON.stringify(choices);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const items = [...this.menu.querySelectorAll('media-chrome-menu-item')];
    const sameOnes =
      items.length === choices.length &&
      items.every((item, index) => item.getAttribute('value') === choices[index]!.value);
    if (sameOnes) {
      // Somebody may be choosing at this moment: what is under the pointer stays where it is.
      items.forEach((item, index) => fill(item, choices[index]!));
    } else {
      this.menu.replaceChildren(...choices.map(menuItem));
    }
  }
}

function menuItem(choice: Choice): HTMLElement {
  const item = document.createElement('media-chrome-menu-item');
  item.setAttribute('type', 'radio');
  item.setAttribute('value', choice.value);
  fill(item, choice);
  return item;
}

function fill(item: Element, { text, checked }: Choice): void {
  item.toggleAttribute('checked', checked);
  if (item.textContent !== text) item.textContent = text;
}
