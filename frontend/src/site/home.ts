import { t } from '../i18n';
import { find, findAll, need, say, show } from '../lib/dom';
import { startedAgo, viewers } from '../lib/format';
import { fetchJson, poll } from '../lib/poll';
import { parseLive, type ChannelStatus } from '../lib/status';

const POSTER_EVERY = 10_000;

/** Cards of the home page, made and removed as channels go on and off the air. */
export function bindHome(): void {
  const grid = find('[data-live-grid]');
  if (!grid) return;
  const template = need<HTMLTemplateElement>('[data-card-template]');
  let shown: ChannelStatus[] = [];

  const render = (live: ChannelStatus[]): void => {
    const slugs = new Set(live.map(({ slug }) => slug));
    for (const card of findAll('[data-card]', grid)) {
      if (!slugs.has(card.dataset['slug'] ?? '')) card.remove();
    }
    for (const status of live) {
      let card = find(`[data-card][data-slug="${CSS.escape(status.slug)}"]`, grid);
      if (!card) {
        card = newCard(template, status.slug);
        grid.append(card);
      }
      fillCard(card, status);
    }
    const rows = findAll('[data-offline-slug]');
    for (const row of rows) show(row, !slugs.has(row.dataset['offlineSlug'] ?? ''));
    show(find('[data-offline]'), rows.some((row) => !row.hidden));
    show(find('[data-empty]'), live.length === 0);
    say(find('[data-live-count]'), countWords(live.length));
    shown = live;
  };

  const refreshPosters = (): void => {
    if (document.hidden) return;
    for (const image of findAll<HTMLImageElement>('[data-poster]', grid)) void freshen(image);
  };

  poll({
    ask: async (signal) => parseLive(await fetchJson('/live/status.json', signal)),
    answer: (live) => {
      render(live.filter(({ state }) => state === 'live' || state === 'interrupted'));
      return shown.length ? 5_000 : 2_000;
    },
    restWhenHidden: true,
  });
  refreshPosters();
  setInterval(refreshPosters, POSTER_EVERY);
}

function newCard(template: HTMLTemplateElement, slug: string): HTMLElement {
  const card = need('[data-card]', template.content.cloneNode(true) as DocumentFragment);
  card.dataset['slug'] = slug;
  need<HTMLAnchorElement>('a', card).href = `/@${slug}`;
  say(find('[data-card-slug]', card), `@${slug}`);
  say(find('[data-card-tile]', card), slug.slice(0, 1));
  return card;
}

function countWords(live: number): string {
  if (live === 0) return t('noLive');
  return live === 1 ? t('liveOne') : t('liveMany', { n: live });
}

function fillCard(card: HTMLElement, status: ChannelStatus): void {
  say(find('[data-card-title]', card), status.title || status.slug);
  say(find('[data-card-viewers]', card), viewers(status.viewers));
  const since = find('[data-since]', card);
  if (since && status.since) {
    since.dataset['since'] = status.since.toISOString();
    say(since, startedAgo(status.since.getTime(), Date.now()));
  }
  const image = find<HTMLImageElement>('[data-poster]', card);
  if (image && status.poster && image.dataset['poster'] !== status.poster) {
    image.dataset['poster'] = status.poster;
    void freshen(image);
  }
}

/** Swaps in a newer thumbnail only once it has loaded, so that cards never flash. */
async function freshen(image: HTMLImageElement): Promise<void> {
  const poster = image.dataset['poster'];
  if (!poster) return;
  const next = new Image();
  next.src = `${poster}?t=${Math.floor(Date.now() / POSTER_EVERY)}`;
  try {
    await next.decode();
  } catch {
    return;
  }
  image.src = next.src;
  image.hidden = false;
}
