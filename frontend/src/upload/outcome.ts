import { fetchJson, poll, type Poll } from '../lib/poll';
import { fields, number, string } from '../lib/status';

export interface Outcome {
  state: string;
  reason: string;
  /** 0 to 1, of the job that prepares it; null while none runs. */
  progress: number | null;
}

const OFTEN = 2_000;

/** Asks what becomes of a video until it is ready or has failed. */
export function follow(videoId: string, tell: (outcome: Outcome) => void): Poll {
  const following = poll<Outcome>({
    ask: async (signal) => {
      const video = fields(await fetchJson(`/api/v1/videos/${videoId}`, signal));
      const state = string(video['state']) ?? '';
      let progress: number | null = null;
      if (state === 'processing') {
        const list = fields(await fetchJson(`/api/v1/jobs?subject=${videoId}&state=running`, signal));
        const [job] = list['items'] as unknown[];
        progress = job === undefined ? null : number(fields(job)['progress']);
      }
      return { state, reason: string(video['reason']) ?? '', progress };
    },
    answer: (outcome) => {
      tell(outcome);
      if (outcome.state !== 'queued' && outcome.state !== 'processing') following.stop();
      return OFTEN;
    },
    restWhenHidden: true,
  });
  return following;
}
