import { t } from '../i18n';
import { find, need, say, show } from '../lib/dom';
import { fields, string } from '../lib/status';
import { bindCopyButtons } from './copy';

/** Of which video a clip is to be made, and of what part: the API's fields for `length` seconds. */
export interface ClipSource {
  video: string;
  part(length: number): Record<string, number>;
}

/** The dialog that makes a clip of what was just shown; `source` is null while there is nothing. */
export function bindClip(source: () => ClipSource | null): void {
  const dialog = find<HTMLDialogElement>('[data-clip]');
  const open = find('[data-clip-open]');
  if (!dialog || !open) return;
  const form = need<HTMLFormElement>('[data-clip-form]', dialog);
  const made = need('[data-clip-made]', dialog);
  const state = need('[data-clip-state]', dialog);
  const button = need<HTMLButtonElement>('[data-clip-form] button', dialog);
  let asked: ClipSource | null = null;
  let parts: Record<number, Record<string, number>> = {};

  open.addEventListener('click', () => {
    asked = source();
    // What was shown when somebody pressed, not when they have found a title.
    parts = Object.fromEntries([15, 30, 60].map((length) => [length, asked?.part(length) ?? {}]));
    show(form, true);
    show(made, false);
    say(state, asked ? '' : t('clipNothing'));
    button.disabled = asked === null;
    dialog.showModal();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!asked) return;
    const length = Number(need<HTMLSelectElement>('select', form).value);
    const title = need<HTMLInputElement>('input[name=title]', form).value;
    button.disabled = true;
    say(state, t('clipMaking'));
    void make(asked.video, { ...parts[length], title })
      .then((address) => {
        need<HTMLInputElement>('#clip-link', made).value = address;
        need<HTMLAnchorElement>('[data-clip-watch]', made).href = address;
        show(form, false);
        show(made, true);
        need<HTMLAnchorElement>('[data-clip-watch]', made).focus();
      })
      .catch((error: unknown) => say(state, error instanceof Error ? error.message : String(error)))
      .finally(() => (button.disabled = false));
  });
  bindCopyButtons(dialog);
}

/** Makes a clip; returns its address. The error says in the reader's language what is wrong. */
async function make(video: string, body: Record<string, unknown>): Promise<string> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/videos/${video}/clips`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error(t('unreachable'));
  }
  const said = fields(await answer.json().catch(() => ({})));
  if (!answer.ok) throw new Error(string(said['detail']) || t('clipFailed'));
  return `${location.origin}/v/${string(said['id'])}`;
}
