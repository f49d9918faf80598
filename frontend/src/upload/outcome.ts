import { fetchJson, poll, type Poll } from '../lib/poll';
import { fields, list, number, string } from '../lib/status';

/** `words`: what is being done, or why it failed; `progress` is 0 to 1, null while nothing runs. */
export interface Outcome {
  state: string;
  words: string;
  progress: number | null;
}

export const OFTEN = 2_000;
export const SELDOM = 15_000;
/** Most videos of one question. */
const AT_ONCE = 50;

type Tell = (outcome: Outcome) => void;

/** Asks what becomes of videos until each is ready or has failed: one question for all of them,
 * ever more seldom while nothing changes, and none in a hidden tab. */
export class Outcomes {
  private readonly followed = new Map<string, { tell: Tell; seen: string }>();
  private polling: Poll | null = null;
  private delay = OFTEN;

  constructor(private readonly url: string) {}

  follow(videoId: string, tell: Tell): void {
    this.followed.set(videoId, { tell, seen: '' });
    this.delay = OFTEN;
    if (this.polling) this.polling.now();
    else this.polling = this.ask();
  }

  private ask(): Poll {
    return poll<unknown[]>({
      ask: async (signal) => {
        const ids = [...this.followed.keys()].slice(0, AT_ONCE).map((id) => `id=${id}`);
        return list(fields(await fetchJson(`${this.url}?${ids.join('&')}`, signal))['items']);
      },
      answer: (items) => {
        this.delay = Math.min(SELDOM, this.delay * 1.25);
        for (const item of items) this.tell(fields(item));
        if (this.followed.size === 0) {
          this.polling?.stop();
          this.polling = null;
        }
        return this.delay;
      },
      restWhenHidden: true,
    });
  }

  private tell(item: Record<string, unknown>): void {
    const id = string(item['id']);
    const followed = this.followed.get(id);
    if (!followed) return;
    const outcome = { state: string(item['state']), words: string(item['words']), progress: number(item['progress']) };
    if (outcome.state !== followed.seen) this.delay = OFTEN;
    followed.seen = outcome.state;
    if (outcome.state !== 'queued' && outcome.state !== 'processing') this.followed.delete(id);
    followed.tell(outcome);
  }
}

/** Gives a video a title; rejects where the station refuses. */
export async function rename(videoId: string, title: string): Promise<void> {
  const [, token = ''] = /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie) ?? [];
  await fetchJson(`/api/v1/videos/${videoId}`, AbortSignal.timeout(10_000), {
    method: 'PATCH',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json', 'X-CSRFToken': token },
    body: JSON.stringify({ title }),
  });
}
