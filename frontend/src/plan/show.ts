import { t } from '../i18n';
import { find, findAll, need, say } from '../lib/dom';
import type { Advice, Answer, Check, Offer } from './types';

/** Puts an answer into the page; `tried` is called with the change that a piece of advice makes. */
export function show(root: HTMLElement, answer: Answer, tried: (change: Advice['change']) => void): void {
  need('[data-verdict]', root).dataset['verdict'] = answer.verdict;
  for (const element of findAll('[data-words]', root)) {
    const name = element.dataset['words'] as 'verdict' | 'first_limit';
    say(element, answer.words[name]);
  }
  for (const element of findAll('[data-value]', root)) {
    say(element, answer.words.values[element.dataset['value'] ?? ''] ?? '');
  }
  const machines = answer.machines.map(({ name, title }) => `${name}: ${title}`);
  say(find('[data-machines]', root), machines.join(' · '));
  for (const element of findAll('[data-shape-price]', root)) {
    const offer = answer.compare.find(
      ({ kind, id }) => kind === 'shape' && id === element.dataset['shapePrice'],
    );
    say(element, offer?.fixed_value ?? '');
    if (offer) element.closest('label')?.setAttribute('data-verdict', offer.verdict);
  }
  fill(root, '[data-advice]', answer.advice.map((item) => adviceItem(item, tried)));
  fill(root, '[data-checks]', answer.checks.map(checkRow));
  fill(root, '[data-cost]', [
    ...answer.words.cost_parts.map(({ words, value }) => row([words, value])),
    row([t('planTotal'), answer.words.values['whole_cost'] ?? ''], 'total'),
  ]);
  fill(root, '[data-compare]', offers(answer));
  fill(
    root,
    '[data-growth] tbody',
    answer.growth.months.map(({ month, viewers, shape, words }) =>
      row([String(month), viewers.toLocaleString(), shape ?? '-', ...words]),
    ),
  );
  fill(root, '[data-outgrown]', answer.growth.outgrown_words.map((text) => make('li', '', text)));
  fill(root, '[data-notes]', answer.words.notes.map((text) => make('li', '', text)));
}

function adviceItem(item: Advice, tried: (change: Advice['change']) => void): HTMLElement {
  const entry = make('li', 'advice-item');
  entry.append(make('p', '', item.words));
  const foot = make('div', 'advice-foot');
  if (item.saves_words) foot.append(make('span', 'pill pill-good', t('planSaves', { n: item.saves_words })));
  if (Object.keys(item.change).length) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'button button-small';
    button.textContent = t('planTry');
    button.addEventListener('click', () => tried(item.change));
    foot.append(button);
  }
  if (foot.childElementCount) entry.append(foot);
  return entry;
}

function checkRow(check: Check): HTMLElement {
  const entry = make('div', 'check');
  entry.dataset['verdict'] = check.verdict;
  entry.append(make('span', 'check-name', check.words));
  const numbers = make('span', 'check-numbers');
  numbers.append(make('strong', '', check.asked_words), ` / ${check.there_words}`);
  entry.append(numbers, bar(check.there ? check.asked / check.there : check.asked ? 1 : 0));
  return entry;
}

function offers(answer: Answer): HTMLElement[] {
  const most = Math.max(...answer.compare.map(({ monthly_usd }) => monthly_usd), 1);
  const titles = { shape: t('planShapes'), provider: t('planProviders'), delivery: t('planDelivery'), managed: t('planManaged') };
  return (Object.keys(titles) as Offer['kind'][]).map((kind) => {
    const group = make('section', 'compare-group');
    group.append(make('h3', '', titles[kind]));
    for (const offer of answer.compare.filter((each) => each.kind === kind)) {
      const entry = make('div', 'check');
      entry.dataset['verdict'] = offer.verdict;
      const name = make('span', 'check-name', offer.name);
      if (kind === 'shape' && offer.name === answer.cheapest) {
        name.append(' ', make('span', 'pill pill-good', t('planCheapest')));
      }
      const source = make('span', 'check-source', offer.source);
      const length = bar(offer.monthly_usd / most);
      entry.append(name, make('strong', 'check-numbers', offer.value), length, source);
      group.append(entry);
    }
    return group;
  });
}

function bar(share: number): HTMLElement {
  const track = make('span', 'bar');
  const filled = make('span', 'bar-filled');
  filled.style.width = `${Math.min(1, share) * 100}%`;
  track.append(filled);
  return track;
}

function row(cells: string[], kind = ''): HTMLElement {
  const line = make('tr', kind);
  line.append(...cells.map((cell) => make('td', '', cell)));
  return line;
}

function fill(root: HTMLElement, selector: string, children: HTMLElement[]): void {
  find(selector, root)?.replaceChildren(...children);
}

export function make(tag: string, kind = '', text = ''): HTMLElement {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  return element;
}
