import { backoff } from '../lib/backoff';
import { refusedCodecs } from '../lib/codecs';
import { fetchJson, poll } from '../lib/poll';
import {
  parseStatus,
  STATION_STATES,
  statusInterval,
  type ChannelStatus,
} from '../lib/status';
import { Dvr } from './dvr';
import { createEngine } from './engines';
import { LiveButton } from './live-button';
import { Overlay, words } from './overlay';
import { QualityMenu } from './quality';
import { codecKinds } from './recovery';
import { CONTROLS_AFTER, Shell } from './shell';
import { SpeedMenu } from './speed';
import { initialState, phase, step, type Failure, type PlayerEvent } from './state';
import { Watchdog } from './watchdog';

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
  const shell = new Shell(root);
  const { video } = shell;
  const live = { kind: 'live', src: root.dataset['src'] ?? '' } as const;

  let state = initialState;
  let latest: ChannelStatus | null = null;
  /** The video that the show becomes, where it is kept. */
  let recording: string | null = null;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;

  const engine = createEngine(video, {
    failed: (failure) => send({ type: 'failed', failure: explain(failure) }),
    attached: () => void shell.resume(),
    levelsChanged: () => quality.render(),
  });
  const speed = new SpeedMenu(root, video);
  const goLive = (): void => {
    dvr.forget();
    speed.set(1);
    shell.held = false;
    send({ type: 'go-live' });
    if (video.paused) void shell.resume();
  };
  const dvr = new Dvr({ root, video, engine, send, goLive });
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

  function load(event: PlayerEvent): void {
    const { rewind } = state;
    const at = event.type === 'rewind' ? null : dvr.place();
    if (event.type === 'rewind' || event.type === 'go-live') shell.freeze();
    dvr.played(rewind);
    engine.load(rewind ? { kind: 'rewind', ...rewind, at: at ?? rewind.at } : live);
    readOut();
  }

  function readOut(): void {
    liveButton.tick(Date.now(), dvr.behind(Date.now() / 1_000));
  }

  function send(event: PlayerEvent): void {
    const [next, commands] = step(state, event);
    state = next;
    for (const command of commands) {
      switch (command.do) {
        case 'load':
          load(event);
          void shell.resume();
          break;
        case 'unload':
          engine.unload();
          // A pause belongs to the show that was paused.
          if (event.type !== 'failed') shell.held = false;
          break;
        case 'seek-live':
          engine.goLive();
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
    dvr.played(state.rewind);
    root.dataset['state'] = shown;
    // Nothing is live that somebody behind the end of a show could go back to.
    root.toggleAttribute('data-over', state.station === 'offline' || state.station === 'ended');
    root.toggleAttribute('data-playing', state.engine === 'playing');
    const page = root.closest('.embed') ? '/embed/v/' : '/v/';
    overlay.render(
      words(shown, state, latest?.keyFrameOverdue ?? false),
      shown === 'ended' && recording ? `${page}${recording}` : null,
    );
  }

  video.addEventListener('playing', () => send({ type: 'playing' }));
  video.addEventListener('ended', () => send({ type: 'finished' }));

  let hiddenAt: number | null = null;
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (hiddenAt !== null && Date.now() - hiddenAt > STALE_AFTER && !video.paused) {
      if (root.dataset['behind'] === 'true' && !state.rewind) engine.goLive();
    }
  });

  setInterval(() => {
    dvr.tick();
    readOut();
    const moving = state.rewind !== null || state.station === 'live';
    const expected = state.engine !== 'idle' && moving && !shell.held;
    const reading = {
      now: performance.now() / 1_000,
      position: video.currentTime,
      paused: video.paused,
      expected: expected && !document.hidden,
      live: state.rewind === null,
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

  /** Seeks in the live window of a show that cannot be rewound. */
  const seekInWindow = (by: number): void => {
    const { seekable, currentTime } = video;
    if (!seekable.length) return;
    if (by > 0 && currentTime + 2 * by > seekable.end(seekable.length - 1)) goLive();
    else video.currentTime = Math.max(seekable.start(0), currentTime + by);
  };
  if (options.keys) {
    shell.bindKeys({
      l: goLive,
      '<': () => state.rewind && speed.change(-1),
      '>': () => state.rewind && speed.change(1),
      ...dvr.keys(seekInWindow),
    });
  }

  // The page already knows the state it was rendered with: a live show starts without asking.
  const rendered = STATION_STATES.find((known) => known === root.dataset['state']);
  const playable = rendered === 'live' || rendered === 'interrupted';
  if (playable) send({ type: 'status', state: rendered, codecs: '' });
  else shell.dress();
  const asking = poll({
    ask: async (signal) => parseStatus(await fetchJson(root.dataset['statusUrl'] ?? '', signal)),
    answer: (status) => {
      latest = status;
      recording = status.recordingId ?? (status.state === 'live' ? null : recording);
      dvr.status(status);
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
