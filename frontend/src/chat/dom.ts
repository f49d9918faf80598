import { need } from '../lib/dom';

type Attributes = Readonly<Record<string, string | null>>;

/** A new element; an attribute of null is left out. */
export function make<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** One of the station's icons. Their address is on the panel, as only the template knows it. */
export function icon(name: string): SVGSVGElement {
  const file = need('[data-chat]').dataset['icons'] ?? '';
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('class', 'icon');
  picture.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `${file}#${name}`);
  picture.append(use);
  return picture;
}

/** A button with an icon, whose name is for tooltips and screen readers. */
export function iconButton(name: string, label: string, act: () => void): HTMLButtonElement {
  const button = make(
    'button',
    { type: 'button', class: 'chat-tool', 'aria-label': label, title: label },
    icon(name),
  );
  button.addEventListener('click', act);
  return button;
}
