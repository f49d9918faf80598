import { findAll } from '../lib/dom';

/** `<button data-ask="ID">` opens the dialog with that id, `[data-ask-cancel]` in it closes it. */
export function bindQuestions(within: ParentNode): void {
  for (const button of findAll<HTMLButtonElement>('[data-ask]', within)) {
    const dialog = document.getElementById(button.dataset['ask'] ?? '');
    if (!(dialog instanceof HTMLDialogElement)) throw new Error(`the page lacks #${button.dataset['ask'] ?? ''}`);
    button.addEventListener('click', () => dialog.showModal());
    for (const cancel of findAll('[data-ask-cancel]', dialog)) {
      cancel.addEventListener('click', () => dialog.close());
    }
  }
}
