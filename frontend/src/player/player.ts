import type { MediaController } from 'media-chrome/media-controller';
import { backoff } from '../lib/backoff';
import { refusedCodecs } from '../lib/codecs';
import { find, need, show } from '../lib/dom';
import { fetchJson, poll } from '../lib/poll';
import {
  parseStatus,
  STATION_STATES,
  statusInterval,
  type ChannelStatus,
} from '../lib/status';
import { Controls } from './controls';
import { createEngine } from './engines';
import { bindKeys } from './keys';
import { Overlay } from './overlay';
import { codecKinds } from './recovery';
import { Sound } from './sound';
import { initialState, phase, step, type Failure, type PlayerEvent } from './state';
import { Watchdog } from './watchdog';

/** Everything else waits for the first picture of a live show, but no longer than this (ms). */
const THE_REST_AFTER = 1_500;

/** Hidden for longer than this (ms), the show is taken up at the live edge again. */
const STALE_AFTER = 15_000;

const playsCodec = (codec: string): boolean =>
  globalThis.MediaSource?.isTypeSupported(`video/mp4; codecs="${codec}"`) ?? false;

export interface PlayerOptions {
  onStatus?: (status: ChannelStatus) => void;
  keys?: boolean;
}

/** Brings a player of `includes/player.html` to life. */
export function mountPlayer(root: HTMLElement, options: PlayerOptions = {}): void {
  const video = need<HTMLVideoElement>('video', root);
  const controller = need<MediaController>('media-controller', root);
  const help = need<HTMLDialogElement>('[data-help]', root);
  const tapForSound = need<HTMLButtonElement>('[data-unmute]', root);
  const statusUrl = root.dataset['statusUrl'] ?? '';

  let state = initialState;
  let latest: ChannelStatus | null = null;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  /** Paused by the person, or by a browser that wants a press first: nothing plays by itself. */
  let held = false;

  const sound = new Sound(
    video,
    (forced) => show(tapForSound, forced),
    root.hasAttribute('data-muted'),
  );
  tapForSound.addEventListener('click', () => sound.unmute());

  const engine = createEngine(video, root.dataset['src'] ?? '', {
    failed: (failure) => send({ type: 'failed', failure: explain(failure) }),
    attached: () => void resume(),
    levelsChanged: () => controls.renderLevels(),
  });
  const goLive = (): void => {
    engine.goLive();
    held = false;
    if (video.paused) void resume();
  };
  const controls = new Controls(root, video, engine, goLive);
  const overlay = new Overlay(root, () => {
    held = false;
    send({ type: 'retry' });
    asking.now();
  });
  const watchdog = new Watchdog();

  /** hls.js does not always say which codec it refused: ask the browser about each. */
  function explain(failure: Failure): Failure {
    if (failure.kind !== 'codec' || failure.codecs.length) return failure;
    const offered = (latest?.renditions ?? []).map(({ codecs }) => codecs).join();
    return { kind: 'codec', codecs: refusedCodecs(offered, playsCodec) };
  }

  /** Plays on after the video was given new media, which pauses it. */
  async function resume(): Promise<void> {
    if (!held && !(await sound.play())) held = true;
  }

  function send(event: PlayerEvent): void {
    const [next, commands] = step(state, event);
    state = next;
    for (const command of commands) {
      switch (command.do) {
        case 'load':
          engine.load();
          void resume();
          break;
        case 'unload':
          engine.unload();
          // A pause belongs to the show that was paused.
          if (event.type !== 'failed') held = false;
          break;
        case 'codecs-changed':
          engine.codecsChanged();
          break;
        case 'retry-later':
          clearTimeout(retryTimer);
          retryTimer = setTimeout(
            () => send({ type: 'retry' }),
            backoff(command.attempt, Math.random()),
          );
      }
    }
    render();
  }

  function render(): void {
    const shown = phase(state);
    root.dataset['state'] = shown;
    root.toggleAttribute('data-playing', state.engine === 'playing');
    overlay.render(shown, state, latest?.keyFrameOverdue ?? false);
  }

  video.addEventListener('playing', () => {
    root.dataset['firstPicture'] ??= performance.now().toFixed(0);
    send({ type: 'playing' });
  });
  const lookForPicture = (): void => {
    root.toggleAttribute('data-sound-only', video.readyState > 0 && video.videoWidth === 0);
  };
  for (const type of ['playing', 'resize', 'emptied']) video.addEventListener(type, lookForPicture);
  video.addEventListener('ended', () => send({ type: 'finished' }));
  // New media pause a video without this event.
  video.addEventListener('pause', () => {
    held = !video.ended;
  });
  // A pause that outlasts the playlist leaves nothing to go on from.
  video.addEventListener('play', () => {
    held = false;
    const { seekable } = video;
    if (seekable.length && video.currentTime < seekable.start(0)) engine.goLive();
  });

  let hiddenAt: number | null = null;
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (hiddenAt !== null && Date.now() - hiddenAt > STALE_AFTER && !video.paused) {
      if (root.dataset['behind'] === 'true') engine.goLive();
    }
  });

  setInterval(() => {
    controls.tick(Date.now());
    const expected = state.engine !== 'idle' && state.station === 'live' && !held;
    const reading = {
      now: performance.now() / 1_000,
      position: video.currentTime,
      paused: video.paused,
      expected: expected && !document.hidden,
    };
    switch (watchdog.tick(reading)) {
      case 'play':
        void resume();
        break;
      case 'seek-live':
        engine.goLive();
        break;
      case 'reload':
        send({ type: 'frozen' });
        break;
      case 'none':
    }
  }, 1_000);

  find('[data-help-open]', root)?.addEventListener('click', () => help.showModal());
  if (options.keys) bindKeys({ video, controller, help, goLive });

  // Half of the player's code is its controls: the first picture does not wait for them.
  let dressed = false;
  const dress = (): void => {
    if (dressed) return;
    dressed = true;
    void import('./chrome').then(() => {
      // Not the controller alone: what the overlay says must be read in full screen too.
      controller.fullscreenElement = root;
    });
  };
  video.addEventListener('playing', dress, { once: true });
  setTimeout(dress, THE_REST_AFTER);

  // The page already knows the state it was rendered with: a live show starts without asking.
  const rendered = STATION_STATES.find((known) => known === root.dataset['state']);
  const playable = rendered === 'live' || rendered === 'interrupted';
  if (playable) send({ type: 'status', state: rendered, codecs: '' });
  else dress();
  const asking = poll({
    ask: async (signal) => parseStatus(await fetchJson(statusUrl, signal)),
    answer: (status) => {
      latest = status;
      if (status.poster && status.state !== 'live') video.poster = status.poster;
      options.onStatus?.(status);
      engine.offered(status.renditions.length);
      const codecs = codecKinds(status.renditions[0]?.codecs ?? '');
      send({ type: 'status', state: status.state, codecs });
      if (state.failure?.kind === 'codec') {
        send({ type: 'failed', failure: explain(state.failure) });
      }
      return statusInterval(status.state);
    },
    failed: (attempt) => {
      if (attempt >= 2) send({ type: 'unreachable' });
    },
    firstAfter: playable ? THE_REST_AFTER : 0,
  });
  render();
}
