import { t } from '../i18n';
import { find, need, say, show } from '../lib/dom';
import { fetchJson } from '../lib/poll';
import { fields, number, string } from '../lib/status';
import { remove } from './remove';

/** Lists what was begun here or elsewhere and is not complete, with a button that deletes it. */
export async function showUnfinished(section: HTMLElement, channel: string): Promise<void> {
  const list = need('ul', section);
  const template = need<HTMLTemplateElement>('template', section);
  const answer = fields(
    await fetchJson('/api/v1/uploads?state=active&limit=50', AbortSignal.timeout(10_000)),
  );
  const items = (answer['items'] as unknown[]).map(fields);
  const own = items.filter((item) => item['channel'] === channel);
  list.replaceChildren(
    ...own.map((item) => {
      const row = need('li', template.content.cloneNode(true) as DocumentFragment);
      say(find('[data-name]', row), string(item['filename']) || t('uploadNameless'));
      const [offset, length] = [number(item['offset']) ?? 0, number(item['length'])];
      const share = length ? Math.floor((offset / length) * 100) : 0;
      say(find('[data-share]', row), t('uploadHere', { n: share }));
      row.dataset['url'] = string(item['url']);
      const button = need<HTMLButtonElement>('button', row);
      button.addEventListener('click', () => {
        button.disabled = true;
        remove(string(item['url'])).then(
          () => {
            forget(section, string(item['url']));
          },
          () => {
            button.disabled = false;
            say(find('[data-refusal]', row), t('uploadNotDeleted'));
          },
        );
      });
      return row;
    }),
  );
  show(section, own.length > 0);
}

/** Takes an upload out of the list: it is deleted, or goes on in a row. */
export function forget(section: HTMLElement, url: string): void {
  const { pathname } = new URL(url, location.href);
  find(`[data-url="${CSS.escape(pathname)}"]`, section)?.remove();
  show(section, find('[data-url]', section) !== null);
}
