import { t } from '../i18n';
import { bindCopyButtons } from './copy';
import { find, findAll, say, show } from '../lib/dom';
import { clock } from '../lib/format';
import { linkAt } from '../player/place';

/** The share dialog of a channel or video; `position` tells what is shown now (seconds). */
export function bindShare(position?: () => number): void {
  const dialog = find<HTMLDialogElement>('[data-share]');
  if (!dialog) return;
  const at = find<HTMLInputElement>('[data-share-at]', dialog);
  let seconds = 0;

  /** Writes the time into every address of the dialog, or takes it out. */
  const write = (): void => {
    for (const field of findAll<HTMLInputElement>('input[id^="share-"]', dialog)) {
      field.value = field.value.replace(/https?:\/\/[^\s"<>]+/, (address) =>
        linkAt(address, at?.checked ? seconds : null),
      );
    }
  };
  find('[data-share-open]')?.addEventListener('click', () => {
    seconds = Math.floor(position?.() ?? 0);
    say(find('[data-share-at-text]', dialog), t('startAt', { time: clock(seconds) }));
    show(find('[data-share-at-row]', dialog), seconds > 0);
    write();
    dialog.showModal();
  });
  at?.addEventListener('change', write);
  bindCopyButtons(dialog);
}
