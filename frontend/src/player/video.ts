import { t } from '../i18n';
import { backoff } from '../lib/backoff';
import { find, need, say, show } from '../lib/dom';
import { clock } from '../lib/format';
import { leaveVideo, leftAt } from '../lib/watched';
import { Chapters } from './chapters';
import { createEngine } from './engines';
import { Overlay, videoWords } from './overlay';
import { timeOf } from './place';
import { QualityMenu } from './quality';
import { SeekBar } from './seek-bar';
import { Shell } from './shell';
import { SpeedMenu } from './speed';
import { Storyboard } from './storyboard';
import { SubtitlesMenu } from './subtitles';
import { bufferedTo, placeOf, within, type Timeline } from './timeline';
import { View } from './view';
import { initialVideoState, stepVideo, videoPhase, type VideoEvent } from './video-state';

const STEP = 5;
const LONG_STEP = 10;

/** Seconds of play between two notes of the place. */
const NOTED = 5;
/** Milliseconds for which is said that a video goes on where it was left. */
const RESUMED_TIME = 10_000;

/** Seconds for which a video stands still, with media to play, before it is loaded anew. */
const STILL_LIMIT = 20;

/** What others on the page may ask of the player. Positions in seconds, dates in seconds since 1970. */
export interface VideoPlayer {
  position(): number;
  /** Date of a picture, and position of a date; null while unknown. */
  dateAt(position: number): number | null;
  positionAt(date: number): number | null;
  /** Calls back whenever the position may have changed. */
  onMove(moved: () => void): void;
  playFrom(position: number): void;
  pause(): void;
}

/** Brings the player of a video to life. */
export function mountVideo(root: HTMLElement): VideoPlayer {
  const shell = new Shell(root);
  const { video } = shell;
  const start = need<HTMLButtonElement>('[data-start]', root);
  const time = need('[data-time]', root);

  let state = initialVideoState;
  /** Where playback is, or begins once it is loaded. */
  const id = root.dataset['video'] ?? '';
  // A page on which a video is changed is not one on which it is watched.
  const left = root.dataset['waits'] === undefined && timeOf(location.search, location.hash) === null ? leftAt(id) : null;
  let place = timeOf(location.search, location.hash) ?? left ?? 0;
  /** Whether somebody went elsewhere since the engine was told where to begin. */
  let sought = false;
  const followers: (() => void)[] = [];
  let retryTimer: ReturnType<typeof setTimeout> | undefined;

  const engine = createEngine(video, {
    failed: (failure) => send({ type: 'failed', failure }),
    attached: () => void shell.resume(),
    levelsChanged: () => quality.render(),
  });
  const quality = new QualityMenu(root, engine);
  const speed = new SpeedMenu(root, video);
  const subtitles = new SubtitlesMenu(root, video);
  const overlay = new Overlay(root, () => send({ type: 'retry' }));

  const timeline = (): Timeline => {
    const { seekable, duration, currentTime } = video;
    const end = Number.isFinite(duration) ? duration : 0;
    return {
      start: 0,
      // While a recording grows, what can be reached is less than what the browser expects.
      end: Math.max(end, seekable.length ? seekable.end(seekable.length - 1) : 0),
      position: placeOf(video, place),
      buffered: bufferedTo(video.buffered, currentTime),
    };
  };
  const seek = (to: number): void => {
    const at = video.readyState > 0 ? within(timeline(), to) : Math.max(0, to);
    place = at;
    if (video.readyState > 0) video.currentTime = at;
    else sought = true;
    drawn();
  };
  const seekBy = (seconds: number): void => seek(timeline().position + seconds);
  const leave = (): void => {
    if (root.dataset['waits'] === undefined && state.engine === 'playing')
      leaveVideo({ id, at: timeline().position, length: timeline().end, when: Date.now() });
  };
  const begin = (): void => {
    shell.held = false;
    send({ type: 'start' });
    void shell.resume().then(render);
  };
  const chapters = new Chapters((at) => {
    seek(at);
    begin();
    root.scrollIntoView({ block: 'nearest' });
  });
  const bar = new SeekBar(
    root,
    {
      tip: (_, at) => [clock(at), chapters.title(at)].filter(Boolean).join(' · '),
      spoken: ({ end }, at) => t('seekOf', { time: clock(at), length: clock(end) }),
    },
    seek,
    seekBy,
    new Storyboard(root.dataset['storyboard'] ?? ''),
  );
  bar.mark(chapters.marks);

  function drawn(): void {
    const now = timeline();
    bar.render(now.end > 0 ? now : null);
    chapters.show(now.position);
    say(time, `${clock(now.position)} / ${clock(now.end)}`);
    root.dataset['place'] = now.position.toFixed(3);
    for (const follow of followers) follow();
  }

  function send(event: VideoEvent): void {
    const [next, commands] = stepVideo(state, event);
    state = next;
    for (const command of commands) {
      switch (command.do) {
        case 'load':
          sought = false;
          engine.load({ kind: 'video', src: root.dataset['src'] ?? '', at: place });
          void shell.resume().then(render);
          break;
        case 'unload':
          engine.unload();
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
    const phase = videoPhase(state);
    root.dataset['state'] = phase;
    root.toggleAttribute('data-playing', state.engine === 'playing');
    // A browser that refuses to play by itself leaves a picture that waits for a press.
    show(start, phase === 'ready' || (phase === 'loading' && shell.held));
    overlay.render(videoWords(phase, state.failure));
  }

  start.addEventListener('click', () => {
    begin();
    shell.focus();
  });
  video.addEventListener('playing', () => send({ type: 'playing' }));
  // By a key, a control or a key of the device, before anything is loaded.
  video.addEventListener('play', () => send({ type: 'start' }));
  // Behind the engine's own listener: a seek from before that is not lost.
  video.addEventListener('loadedmetadata', () => {
    if (sought) video.currentTime = place;
    sought = false;
  });
  for (const type of ['timeupdate', 'progress', 'durationchange', 'seeking']) {
    video.addEventListener(type, () => {
      place = placeOf(video, place);
      drawn();
    });
  }
  addEventListener('hashchange', () => {
    const asked = timeOf('', location.hash);
    if (asked !== null) seek(asked);
  });

  const resumed = find('[data-resumed]', root);
  if (resumed && left !== null) {
    say(find('[data-resumed-words]', resumed), t('resumed', { time: clock(left) }));
    show(resumed, true);
    need('button', resumed).addEventListener('click', () => {
      show(resumed, false);
      seek(0);
      begin();
      shell.focus();
    });
    video.addEventListener('playing', () => setTimeout(() => show(resumed, false), RESUMED_TIME), { once: true });
  }
  for (const type of ['pause', 'ended']) video.addEventListener(type, leave);
  addEventListener('pagehide', leave);

  const view = new View(id);
  let noted = 0;
  let still = 0;
  let before = -1;
  setInterval(() => {
    const expected = state.engine === 'playing' && !video.paused && !video.seeking;
    const fed = bufferedTo(video.buffered, video.currentTime) - video.currentTime > 1;
    still = expected && fed && !document.hidden && video.currentTime === before ? still + 1 : 0;
    if (expected && video.currentTime !== before) {
      view.played(1);
      if (++noted % NOTED === 0) leave();
    }
    before = video.currentTime;
    if (still < STILL_LIMIT) return;
    still = 0;
    send({ type: 'frozen' });
  }, 1_000);

  const by = (seconds: number) => () => seekBy(seconds);
  shell.bindKeys({
    ArrowLeft: by(-STEP),
    ArrowRight: by(STEP),
    j: by(-LONG_STEP),
    l: by(LONG_STEP),
    c: () => subtitles.toggle(),
    '<': () => speed.change(-1),
    '>': () => speed.change(1),
    Home: () => seek(0),
    End: () => seek(timeline().end),
    ...Object.fromEntries(
      [...'0123456789'].map((digit) => [digit, () => seek((timeline().end * Number(digit)) / 10)]),
    ),
  });

  render();
  // Another site's page plays nothing by itself unless its address says so.
  const waits = root.closest('.embed') !== null || root.dataset['waits'] !== undefined;
  if (!waits || new URLSearchParams(location.search).get('autoplay') === '1') {
    send({ type: 'start' });
  } else {
    shell.dress();
  }
  return {
    position: () => timeline().position,
    dateAt: (position) => engine.dateAt(position),
    positionAt: (date) => engine.positionAt(date),
    onMove: (moved) => void followers.push(moved),
    playFrom: (position) => {
      seek(position);
      begin();
    },
    pause: () => video.pause(),
  };
}
