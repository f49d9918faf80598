import { findAll, say } from '../lib/dom';
import { startedAgo } from '../lib/format';

/** Keeps every `<time data-since="INSTANT">` of the page saying how long ago that was. */
export function keepSince(): void {
  const update = (): void => {
    for (const element of findAll('[data-since]')) {
      const since = Date.parse(element.dataset['since'] ?? '');
      if (!Number.isNaN(since)) say(element, startedAgo(since, Date.now()));
    }
  };
  update();
  setInterval(update, 15_000);
}
