import { backoff } from '../lib/backoff';
import { refusedCodecs } from '../lib/codecs';
import { fetchJson, poll } from '../lib/poll';
import {
  parseStatus,
  STATION_STATES,
  statusInterval,
  type ChannelStatus,
} from '../lib/status';
import { createEngine } from './engines';
import { LiveButton } from './live-button';
import { Overlay, words } from './overlay';
import { QualityMenu } from './quality';
import { codecKinds } from './recovery';
import { CONTROLS_AFTER, Shell } from './shell';
import { initialState, phase, step, type Failure, type PlayerEvent } from './state';
import { Watchdog } from './watchdog';

/** Hidden for longer than this (ms), the show is taken up at the live edge again. */
const STALE_AFTER = 15_000;

const STEP = 5;

const playsCodec = (codec: string): boolean =>
  globalThis.MediaSource?.isTypeSupported(`video/mp4; codecs="${codec}"`) ?? false;

export interface PlayerOptions {
  onStatus?: (status: ChannelStatus) => void;
  keys?: boolean;
}

/** Brings a player of `includes/player.html` to life. */
export function mountPlayer(root: HTMLElement, options: PlayerOptions = {}): void {
  const shell = new Shell(root);
  const { video } = shell;
  const live = { kind: 'live', src: root.dataset['src'] ?? '' } as const;

  let state = initialState;
  let latest: ChannelStatus | null = null;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;

  const engine = createEngine(video, {
    failed: (failure) => send({ type: 'failed', failure: explain(failure) }),
    attached: () => void shell.resume(),
    levelsChanged: () => quality.render(),
  });
  const goLive = (): void => {
    engine.goLive();
    shell.held = false;
    if (video.paused) void shell.resume();
  };
  const quality = new QualityMenu(root, engine);
  const liveButton = new LiveButton(root, video, engine, goLive);
  const overlay = new Overlay(root, () => {
    shell.held = false;
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

  function send(event: PlayerEvent): void {
    const [next, commands] = step(state, event);
    state = next;
    for (const command of commands) {
      switch (command.do) {
        case 'load':
          engine.load(live);
          void shell.resume();
          break;
        case 'unload':
          engine.unload();
          // A pause belongs to the show that was paused.
          if (event.type !== 'failed') shell.held = false;
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
    overlay.render(words(shown, state, latest?.keyFrameOverdue ?? false));
  }

  video.addEventListener('playing', () => send({ type: 'playing' }));
  video.addEventListener('ended', () => send({ type: 'finished' }));
  // A pause that outlasts the playlist leaves nothing to go on from.
  video.addEventListener('play', () => {
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
    liveButton.tick(Date.now(), null);
    const expected = state.engine !== 'idle' && state.station === 'live' && !shell.held;
    const reading = {
      now: performance.now() / 1_000,
      position: video.currentTime,
      paused: video.paused,
      expected: expected && !document.hidden,
    };
    switch (watchdog.tick(reading)) {
      case 'play':
        void shell.resume();
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

  const seek = (by: number) => (): void => {
    const { seekable } = video;
    if (!seekable.length) return;
    if (by > 0 && video.currentTime + by > seekable.end(seekable.length - 1) - STEP) goLive();
    else video.currentTime = Math.max(seekable.start(0), video.currentTime + by);
  };
  if (options.keys) shell.bindKeys({ l: goLive, ArrowLeft: seek(-STEP), ArrowRight: seek(STEP) });

  // The page already knows the state it was rendered with: a live show starts without asking.
  const rendered = STATION_STATES.find((known) => known === root.dataset['state']);
  const playable = rendered === 'live' || rendered === 'interrupted';
  if (playable) send({ type: 'status', state: rendered, codecs: '' });
  else shell.dress();
  const asking = poll({
    ask: async (signal) => parseStatus(await fetchJson(root.dataset['statusUrl'] ?? '', signal)),
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
    firstAfter: playable ? CONTROLS_AFTER : 0,
  });
  render();
}
