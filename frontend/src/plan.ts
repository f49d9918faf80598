import 'uplot/dist/uPlot.min.css';
import './styles/plan.css';
import './styles/plan-answer.css';
import { language, t } from './i18n';
import { find, findAll, need, say, show as reveal } from './lib/dom';
import { Charts } from './plan/charts';
import { fillSliders, PlanForm } from './plan/form';
import { make, show } from './plan/show';
import { embedded, type Answer } from './plan/types';

/** Milliseconds until an answer is given up. */
const PATIENCE = 8_000;

/** Milliseconds from one question to the next while a slider is dragged: the server has others. */
const APART = 50;

const root = need('[data-plan]');
const formElement = need<HTMLFormElement>('[data-plan-form]', root);
const charts = new Charts(root);
const dialog = need<HTMLDialogElement>('[data-why]', root);
/** What the page waits for, and whether the question has changed since it was asked. */
let asking = false;
let changed = false;

function currency(): string {
  return need<HTMLInputElement>('[name=currency]:checked', root).value;
}

function query(): URLSearchParams {
  const asked = form.query();
  // Without it in the address, a reader sees the money of their language.
  if (currency() !== (language === 'ko' ? 'krw' : 'usd')) asked.set('currency', currency());
  return asked;
}

function present(answer: Answer, asked: string): void {
  form.follow(answer);
  fillSliders(formElement);
  show(root, answer, (change) => {
    form.apply(change);
    void ask();
    window.scrollTo({ top: 0, behavior: 'smooth' });
  });
  charts.show(answer);
  // Tests and people with slow lines can tell when what is shown is what was asked.
  root.dataset['answered'] = asked;
}

async function fetchAnswer(extra: Record<string, string>): Promise<Answer> {
  const asked = form.query();
  asked.set('currency', currency());
  asked.set('language', language);
  for (const [name, value] of Object.entries(extra)) asked.set(name, value);
  const response = await fetch(`/api/v1/plan?${asked}`, {
    signal: AbortSignal.timeout(PATIENCE),
    headers: { Accept: 'application/json' },
  });
  const body: unknown = await response.json();
  if (response.ok) return body as Answer;
  throw new Error((body as { detail?: string }).detail ?? String(response.status));
}

/** Asks at once, and again for as long as the question changes meanwhile: a slider that is dragged
 *  is followed, with one question on its way at a time. */
async function ask(): Promise<void> {
  changed = true;
  if (asking) return;
  asking = true;
  while (changed) {
    changed = false;
    const asked = query().toString();
    const apart = new Promise((resolve) => setTimeout(resolve, APART));
    try {
      present(await fetchAnswer({}), asked);
      complain('');
    } catch (error) {
      const reached = error instanceof Error && !(error instanceof TypeError || error instanceof DOMException);
      complain(reached ? error.message : t('unreachable'));
    }
    if (changed) await apart;
  }
  asking = false;
  // Not at every step of a slider: browsers refuse addresses that change a hundred times.
  history.replaceState(null, '', `${location.pathname}${query().size ? `?${query()}` : ''}`);
}

function complain(words: string): void {
  reveal(find('[data-plan-error]', root), words !== '');
  say(find('[data-plan-error-text]', root), words);
  need('[data-plan-answer]', root).toggleAttribute('data-stale', words !== '');
}

async function explain(key: string): Promise<void> {
  const lines = need('[data-why-lines]', dialog);
  lines.replaceChildren(make('p', '', t('stateLoading')));
  dialog.showModal();
  try {
    const answer = await fetchAnswer({ why: key });
    lines.replaceChildren(
      ...(answer.why ?? []).map(({ depth, text }) => {
        const line = make('p', 'why-line', text);
        line.style.setProperty('--depth', String(Math.min(depth, 8)));
        return line;
      }),
    );
  } catch {
    lines.replaceChildren(make('p', '', t('unreachable')));
  }
}

async function copyLink(button: HTMLElement): Promise<void> {
  const label = need('span', button);
  const before = button.dataset['before'] ?? label.textContent ?? '';
  button.dataset['before'] = before;
  try {
    await navigator.clipboard.writeText(location.href);
    say(label, t('copied'));
  } catch {
    say(label, t('planCopyAddress'));
  }
  setTimeout(() => say(label, before), 2_000);
}

const form = new PlanForm(formElement, embedded('plan-defaults'), () => {
  fillSliders(formElement);
  void ask();
});

for (const radio of findAll('[name=currency]', root)) radio.addEventListener('change', () => void ask());
for (const button of findAll('[data-why-key]', root)) {
  button.addEventListener('click', () => void explain(button.dataset['whyKey'] ?? ''));
}
find('[data-reset]', root)?.addEventListener('click', () => {
  form.reset();
  void ask();
});
find('[data-print]', root)?.addEventListener('click', () => window.print());
const copyButton = find('[data-copy-link]', root);
copyButton?.addEventListener('click', () => void copyLink(copyButton));

present(embedded<Answer>('plan-answer'), query().toString());
