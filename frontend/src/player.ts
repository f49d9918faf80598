import './styles/player.css';
import { find, findAll, need, say, show } from './lib/dom';
import { startedAgo, viewers } from './lib/format';
import type { ChannelStatus } from './lib/status';
import { mountPlayer } from './player/player';
import { mountVideo } from './player/video';
import { bindClip } from './site/clip';
import { bindShare } from './site/share';

const station = document.title.split(' · ').at(-1) ?? '';

/** The recording of the show that is on, of which clips are made. */
let recording: string | null = null;

/** Keeps the words around the player in step with the show. */
function follow(status: ChannelStatus): void {
  const live = status.state === 'live' || status.state === 'interrupted';
  const title = find('[data-title]');
  if (title && status.title) {
    say(title, status.title);
    document.title = `${status.title} · ${station}`;
    say(find('[data-description]'), status.description);
  }
  for (const element of findAll('[data-when-live]')) show(element, live);
  recording = live ? status.recordingId : null;
  show(find('[data-clip-open]'), recording !== null);
  say(find('[data-viewers]'), viewers(status.viewers));
  const since = find('[data-since]');
  if (since && status.since) {
    since.dataset['since'] = status.since.toISOString();
    say(since, startedAgo(status.since.getTime(), Date.now()));
  }
}

const player = need('[data-player]');
if (player.dataset['video']) {
  const video = mountVideo(player);
  bindShare(() => video.position());
  bindClip(() => {
    const end = video.position();
    return end < 1
      ? null
      : { video: player.dataset['video'] ?? '', part: (length) => ({ start: Math.max(0, end - length), end }) };
  });
  const replay = find('[data-replay]');
  if (replay) void import('./chat/replay').then(({ mountReplay }) => mountReplay(replay, video));
} else {
  mountPlayer(player, { onStatus: follow, keys: true });
  bindShare();
  bindClip(
    () =>
      recording === null
        ? null
        : {
            video: recording,
            part: (length) => ({ last: length, behind: Math.min(300, Number(player.dataset['latency'] ?? 0)) }),
          },
  );
}
