import { t } from '../i18n';
import { find, findAll, say } from '../lib/dom';

const SHOWN_FOR = 2_000;

/** `<button data-copy="ID">` copies the value or text of the element with that id. */
export function bindCopyButtons(within: ParentNode): void {
  for (const button of findAll<HTMLButtonElement>('[data-copy]', within)) {
    button.addEventListener('click', () => void copy(button));
  }
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const source = document.getElementById(button.dataset['copy'] ?? '');
  if (!source) return;
  const field = source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement;
  const copied = await write(field ? source.value : (source.textContent ?? '').trim());
  if (!copied && field) source.select();
  const label = find('[data-copy-label]', button);
  const before = button.dataset['copyBefore'] ?? label?.textContent ?? '';
  button.dataset['copyBefore'] = before;
  button.toggleAttribute('data-copied', copied);
  say(label, t(copied ? 'copied' : 'copyFailed'));
  setTimeout(() => {
    button.removeAttribute('data-copied');
    say(label, before);
  }, SHOWN_FOR);
}

/** False where the browser refuses: the clipboard exists only in secure contexts. */
async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
