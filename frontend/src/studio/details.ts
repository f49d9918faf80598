import { t } from '../i18n';
import { find, need, say } from '../lib/dom';
import { fields, string } from '../lib/status';

type Tone = 'plain' | 'good' | 'bad';

/** Saves title and description in place, so that the preview and the readings go on. */
export function bindDetails(studio: HTMLElement): void {
  const form = need<HTMLFormElement>('[data-details]', studio);
  const state = need('[data-form-state]', studio);
  const tell = (text: string, tone: Tone): void => {
    state.dataset['tone'] = tone;
    say(state, text);
  };
  form.addEventListener('input', () => tell(t('unsaved'), 'plain'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void save(form, tell);
  });
}

async function save(form: HTMLFormElement, tell: (text: string, tone: Tone) => void) {
  const button = need<HTMLButtonElement>('button', form);
  const data = new FormData(form);
  button.disabled = true;
  tell(t('saving'), 'plain');
  try {
    const refusal = await send(form.action, data);
    tell(refusal ?? t('saved'), refusal === null ? 'good' : 'bad');
    if (refusal === null) say(find('[data-studio-title]'), String(data.get('title') ?? ''));
  } finally {
    button.disabled = false;
  }
}

/** Null when it was saved, else the reason in words: the problem's own detail (RFC 9457). */
async function send(url: string, body: FormData): Promise<string | null> {
  try {
    const headers = { Accept: 'application/json' };
    const response = await fetch(url, { method: 'POST', body, headers });
    if (response.ok) return null;
    const { detail } = fields(await response.json());
    return string(detail) || t('saveFailed');
  } catch {
    return t('saveFailed');
  }
}
