import { find, findAll } from '../lib/dom';

/** Closes menus, which open by themselves, on Escape and where somebody goes elsewhere. */
export function bindMenus(): void {
  for (const menu of findAll<HTMLDetailsElement>('[data-menu]')) {
    menu.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !menu.open) return;
      menu.open = false;
      find('summary', menu)?.focus();
    });
    menu.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !menu.contains(relatedTarget)) menu.open = false;
    });
    document.addEventListener('click', ({ target }) => {
      if (target instanceof Node && !menu.contains(target)) menu.open = false;
    });
  }
}
