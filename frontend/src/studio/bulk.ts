import { find, findAll, say } from '../lib/dom';

/** Lets all videos of a page be chosen at once, and says how many are. */
export function bindBulk(form: HTMLFormElement): void {
  const all = find<HTMLInputElement>('[data-bulk-all]', form);
  const button = find<HTMLButtonElement>('button', form);
  const id = form.getAttribute('id'); // `form.id` are the fields of that name
  // Rows are replaced while a video is being prepared.
  const boxes = (): HTMLInputElement[] => findAll<HTMLInputElement>(`input[form="${id}"]`);
  const update = (): void => {
    const chosen = boxes().filter((each) => each.checked).length;
    say(find('[data-bulk-count]', form), chosen ? `(${chosen})` : '');
    if (button) button.disabled = chosen === 0;
    if (all) {
      all.checked = chosen > 0 && chosen === boxes().length;
      all.indeterminate = chosen > 0 && !all.checked;
    }
  };
  all?.closest('label')?.removeAttribute('hidden');
  all?.addEventListener('change', () => {
    for (const each of boxes()) each.checked = all.checked;
    update();
  });
  document.addEventListener('change', (event) => {
    if (event.target instanceof HTMLInputElement && event.target.getAttribute('form') === id) update();
  });
  update();
}
