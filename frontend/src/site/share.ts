import { bindCopyButtons } from './copy';
import { find } from '../lib/dom';

/** The share dialog of a channel page. */
export function bindShare(): void {
  const dialog = find<HTMLDialogElement>('[data-share]');
  if (!dialog) return;
  find('[data-share-open]')?.addEventListener('click', () => dialog.showModal());
  bindCopyButtons(dialog);
}
