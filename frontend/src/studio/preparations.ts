import { t } from '../i18n';
import { find, findAll, need, say } from '../lib/dom';
import { fetchJson, poll } from '../lib/poll';
import { fields, list, number, string } from '../lib/status';

const OFTEN = 2_000;
const SELDOM = 10_000;
/** Most videos of one question. */
const AT_ONCE = 50;

/** Keeps what is said of videos that are being prepared up to date: a row is replaced after its
 * state, or its buttons, have changed. */
export function bindPreparations(rows: HTMLElement): void {
  const url = rows.dataset['preparations'] ?? '';
  const busy = (): HTMLElement[] => findAll('[data-busy]', rows).slice(0, AT_ONCE);
  if (busy().length === 0) return;
  let delay = OFTEN;
  const asking = poll<Map<string, Record<string, unknown>>>({
    ask: async (signal) => {
      const ids = busy().map((row) => `id=${row.dataset['video'] ?? ''}`);
      const answer = fields(await fetchJson(`${url}?rows&${ids.join('&')}`, signal));
      return new Map(list(answer['items']).map((item) => [string(fields(item)['id']), fields(item)]));
    },
    answer: (items) => {
      delay = Math.min(SELDOM, delay * 1.25);
      for (const row of busy()) {
        const item = items.get(row.dataset['video'] ?? '');
        if (!item) row.removeAttribute('data-busy'); // somebody has deleted it
        else if (item['version'] === row.dataset['version']) update(row, item);
        else {
          delay = OFTEN;
          replace(row, item);
        }
      }
      if (busy().length === 0) asking.stop();
      return delay;
    },
    restWhenHidden: true,
    firstAfter: OFTEN,
  });
}

function update(row: HTMLElement, item: Record<string, unknown>): void {
  say(find('[data-work-words]', row), string(item['words']));
  const bar = find<HTMLProgressElement>('[data-work-bar]', row);
  if (bar) bar.value = number(item['progress']) ?? 0;
}

function replace(row: HTMLElement, item: Record<string, unknown>): void {
  const fresh = need('li', new DOMParser().parseFromString(string(item['row']), 'text/html'));
  const had = row.contains(document.activeElement);
  row.replaceWith(fresh);
  if (had) find('a', fresh)?.focus();
  const [title, words] = [find('a', fresh), find('[data-work-words]', fresh)].map((each) => each?.textContent ?? '');
  say(find('[data-announcer]'), item['state'] === 'ready' ? t('videoReady', { title: title ?? '' }) : `${title}: ${words}`);
}
