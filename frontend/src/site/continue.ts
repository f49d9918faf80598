import { find, findAll, need, say, show } from '../lib/dom';
import { fields, string } from '../lib/status';
import { forgetVideo, leftVideos, type LeftVideo } from '../lib/watched';

/** Videos of the row. */
const SHOWN = 6;

/** Shows on cards of videos how far they were watched. */
export function markWatched(): void {
  const left = new Map(leftVideos().map((each) => [each.id, each]));
  for (const card of findAll('[data-video-card]')) {
    const known = left.get(card.dataset['videoCard'] ?? '');
    if (known) mark(card, known);
  }
}

/** Fills the row of videos that were left: those that are still there. */
export async function bindContinue(): Promise<void> {
  const row = find('[data-continue]');
  if (!row) return;
  const asked = await Promise.all(leftVideos().slice(0, SHOWN).map(async (left) => ({ left, card: await cardOf(row, left) })));
  const cards = need('[data-continue-cards]', row);
  for (const { left, card } of asked) {
    if (!card) continue;
    cards.append(card);
    need('[data-forget]', card).addEventListener('click', () => {
      forgetVideo(left.id);
      card.remove();
      show(row, cards.childElementCount > 0);
    });
  }
  show(row, cards.childElementCount > 0);
}

async function cardOf(row: HTMLElement, left: LeftVideo): Promise<HTMLElement | null> {
  const answer = await fetch(`/api/v1/videos/${encodeURIComponent(left.id)}`).catch(() => null);
  if (answer?.status === 404) forgetVideo(left.id);
  if (!answer?.ok) return null;
  const video = fields(await answer.json());
  const card = need('.card', need<HTMLTemplateElement>('template', row).content).cloneNode(true) as HTMLElement;
  const link = need<HTMLAnchorElement>('a', card);
  say(link, string(video['title']));
  link.href = `/v/${left.id}`;
  const picture = need<HTMLImageElement>('img', card);
  const poster = string(video['poster_url']);
  if (poster) picture.src = poster;
  else picture.remove();
  mark(card, left);
  return card;
}

function mark(card: HTMLElement, { at, length }: LeftVideo): void {
  const bar = document.createElement('span');
  bar.className = 'card-watched';
  bar.style.width = `${length > 0 ? Math.min(100, (100 * at) / length) : 0}%`;
  find('.card-picture', card)?.append(bar);
}
