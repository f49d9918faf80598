import { t } from '../i18n';
import { find, need, say, show } from '../lib/dom';
import { fetchJson } from '../lib/poll';
import { fields, number, string } from '../lib/status';

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
      need('button', row).addEventListener('click', () => {
        void remove(string(item['url']) ?? '').then(() => {
          row.remove();
          show(section, list.childElementCount > 0);
        });
      });
      return row;
    }),
  );
  show(section, own.length > 0);
}

async function remove(url: string): Promise<void> {
  const response = await fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } });
  if (!response.ok && response.status !== 404 && response.status !== 410) {
    throw new Error(`${url}: ${response.status}`);
  }
}
