import Hls, {
  ErrorDetails,
  ErrorTypes,
  Events,
  type ErrorData,
  type Fragment,
  type Level,
} from 'hls.js/light';
import { backoff } from '../lib/backoff';
import { codecNames } from '../lib/codecs';
import {
  refusal,
  USUAL_TARGET,
  type Engine,
  type EngineEvents,
  type QualityLevel,
  type Source,
} from './engine';
import { options, sessionId } from './hls-options';
import { backBuffer, MediaRecovery, rebuildDelay, TrackWatch } from './recovery';
import type { Failure } from './state';
import { bufferedTo, dateAt, loaded, placeOf, positionAt, type Loaded } from './timeline';

/** Key frames that are remembered: those of the back buffer, where they are close together. */
const MOST_KEYS = 200;

/** An estimated place of a show may differ this much (seconds) from the one that its dates name. */
const CLOSE = 1;

/** hls.js, rebuilt whenever what it was built for no longer holds. */
export class HlsEngine implements Engine {
  #hls: Hls | null = null;
  #source: Source = { kind: 'live', src: '' };
  #networkRetries = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #rebuildTimer: ReturnType<typeof setTimeout> | undefined;
  /** Name of the level that the person chose; null for automatic. */
  #chosen: string | null = null;
  /** Levels that the station offers by now, and those that the manifest had. */
  #offered = 0;
  #listed = 0;
  readonly #recovery = new MediaRecovery();
  readonly #session = sessionId();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly on: EngineEvents,
  ) {}

  load(source: Source): void {
    this.#networkRetries = 0;
    this.#source = source;
    this.#build();
  }

  #build(): void {
    this.unload();
    const source = this.#source;
    const live = source.kind === 'live';
    const start = estimate(source);
    const hls = new Hls(options(source.kind, start, this.#session));
    const watch = new TrackWatch();
    this.#hls = hls;
    hls.on(Events.MANIFEST_LOADED, (_name, { levels }) => {
      this.#listed = Math.max(levels.length, this.#offered);
    });
    hls.on(Events.MANIFEST_PARSED, () => {
      const chosen = hls.levels.findIndex((level) => levelName(level) === this.#chosen);
      hls.startLevel = chosen >= 0 ? chosen : hls.firstLevel;
      if (chosen >= 0) hls.loadLevel = chosen;
      this.on.levelsChanged();
    });
    hls.on(Events.LEVEL_SWITCHED, () => this.on.levelsChanged());
    hls.on(Events.LEVELS_UPDATED, () => this.on.levelsChanged());
    hls.on(Events.FRAG_BUFFERED, () => {
      this.#networkRetries = 0;
      if (live) hls.config.backBufferLength = backBuffer(keys, this.video.currentTime);
    });
    if (source.kind === 'rewind') {
      hls.once(Events.LEVEL_UPDATED, (_name, { details }) => {
        const exact = positionAt(details.fragments, source.at, details.edge);
        if (exact === null || Math.abs(exact - start) < CLOSE) return;
        this.#source = { ...source, began: source.at - exact };
        this.#retryTimer = setTimeout(() => this.#build());
      });
    }
    let loading: Fragment | undefined;
    let keys: number[] = [];
    hls.on(Events.FRAG_LOADING, (_name, { frag, part }) => {
      loading = frag;
      const parts = hls.latestLevelDetails?.partList ?? [];
      const first = part ?? parts.find((each) => each.fragment.sn === frag.sn);
      if (first?.independent) keys = [...keys.slice(-MOST_KEYS), first.start];
    });
    // Also where hls.js recovers by itself.
    hls.on(Events.MEDIA_ATTACHED, () => this.on.attached());
    // Before hls.js appends anything: what it cannot append it reports as a fatal error.
    hls.on(Events.BUFFER_CODECS, (_name, tracks) => {
      if (loading && watch.changes(loading.level, tracks)) this.#playOutAndRebuild(hls, loading);
    });
    hls.on(Events.ERROR, (_name, data) => this.#onError(hls, data));
    hls.attachMedia(this.video);
    hls.loadSource(source.src);
  }

  unload(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#rebuildTimer);
    this.#rebuildTimer = undefined;
    this.#hls?.destroy();
    this.#hls = null;
  }

  codecsChanged(): void {
    // The init segment has said so already.
  }

  offered(levels: number): void {
    this.#offered = levels;
  }

  goLive(): void {
    const position = this.#hls?.liveSyncPosition;
    if (position != null && position > this.video.currentTime) this.video.currentTime = position;
  }

  edgeLatency(): number | null {
    return this.#hls?.latestLevelDetails?.live ? this.#hls.latency : null;
  }

  targetLatency(): number {
    return this.#hls?.targetLatency ?? USUAL_TARGET;
  }

  playingDate(): Date | null {
    return this.#hls?.playingDate ?? null;
  }

  loaded(): Loaded | null {
    const details = this.#hls?.latestLevelDetails;
    if (!details) return null;
    return loaded(details.fragments, details.edge, details.live ? details.age : null);
  }

  dateAt(position: number): number | null {
    return dateAt(this.#hls?.latestLevelDetails?.fragments ?? [], position);
  }

  positionAt(date: number): number | null {
    const details = this.#hls?.latestLevelDetails;
    return details ? positionAt(details.fragments, date, details.edge) : null;
  }

  seekDate(date: number): void {
    const position = this.positionAt(date);
    if (position !== null) this.video.currentTime = position;
  }

  levels(): QualityLevel[] {
    return (this.#hls?.levels ?? []).map((level, index) => ({ index, name: levelName(level) }));
  }

  level(): { wished: number; playing: number } {
    const hls = this.#hls;
    if (!hls) return { wished: -1, playing: -1 };
    return { wished: hls.autoLevelEnabled ? -1 : hls.manualLevel, playing: hls.currentLevel };
  }

  choose(index: number): void {
    if (!this.#hls) return;
    this.#hls.nextLevel = index;
    this.#hls.startLevel = index >= 0 ? index : this.#hls.firstLevel; // after a recovery
    this.#chosen = this.levels()[index]?.name ?? null;
    this.on.levelsChanged();
  }

  /** Plays what is buffered of the old tracks: buffers made for them cannot take others. */
  #playOutAndRebuild(hls: Hls, frag: Fragment): void {
    if (this.#rebuildTimer !== undefined) return;
    const details = hls.latestLevelDetails;
    const fragments = [...(details?.fragments ?? []), details?.fragmentHint];
    const first = fragments.find((fragment) => fragment && fragment.cc === frag.cc);
    const section = details && first ? details.edge - first.start : 0;
    hls.stopLoad();
    if (this.#source.kind === 'live') {
      this.#rebuildIn(rebuildDelay(ahead(this.video), section, this.targetLatency()));
    } else {
      const { buffered, currentTime } = this.video;
      const left = bufferedTo(buffered, currentTime) - currentTime;
      this.#rebuildIn(rebuildDelay(left, Infinity, 0), frag);
    }
  }

  /** Builds the player anew, at `frag` where that is further on than what is shown. */
  #rebuildIn(seconds: number, frag?: Fragment): void {
    this.#rebuildTimer = setTimeout(() => {
      this.#source = this.#resumed(frag);
      this.#build();
    }, seconds * 1_000);
  }

  /** The source, from where it is played now. */
  #resumed(frag?: Fragment): Source {
    const source = this.#source;
    const shown = placeOf(this.video, -1);
    const further = frag !== undefined && frag.start > shown;
    if (source.kind === 'video') {
      return { ...source, at: further ? frag.start : shown >= 0 ? shown : source.at };
    }
    if (source.kind === 'rewind') {
      const playing = shown < 0 ? undefined : this.playingDate()?.getTime();
      const date = further ? frag.programDateTime : (playing ?? null);
      return date === null ? source : { ...source, at: date / 1_000 };
    }
    return source;
  }

  #onError(hls: Hls, data: ErrorData): void {
    if (hls !== this.#hls || this.#rebuildTimer !== undefined) return;
    // A ladder that began later may have what this connection can carry.
    const stalled = data.details === ErrorDetails.BUFFER_STALLED_ERROR;
    if (stalled && this.#offered > this.#listed) this.#rebuildIn(0);
    if (data.details === ErrorDetails.MEDIA_SOURCE_REQUIRES_RESET) {
      this.#recoverMedia(hls, data.fatal);
      return;
    }
    if (!data.fatal) return;
    if (isCodecError(data)) {
      this.on.failed({ kind: 'codec', codecs: codecsOf(data.mimeType) });
    } else if (data.type === ErrorTypes.MEDIA_ERROR) {
      this.#recoverMedia(hls, true);
    } else if (data.type === ErrorTypes.NETWORK_ERROR && hls.levels.length > 0) {
      this.#recoverNetwork(hls, data);
    } else {
      this.on.failed(this.#failureOf(data));
    }
  }

  /** What is not `fatal` hls.js has recovered from by now, at the place where it was. */
  #recoverMedia(hls: Hls, fatal: boolean): void {
    switch (this.#recovery.next(performance.now() / 1_000)) {
      case 'rebuild':
        this.#rebuildIn(0);
        break;
      case 'recover':
        if (fatal) hls.recoverMediaError();
        break;
      case 'fail':
        if (fatal) this.on.failed({ kind: 'media' });
    }
  }

  #failureOf({ type, response }: ErrorData): Failure {
    if (type !== ErrorTypes.NETWORK_ERROR) return { kind: 'media' };
    return refusal(this.#source, response?.code ?? 0);
  }

  #recoverNetwork(hls: Hls, data: ErrorData): void {
    const failure = this.#failureOf(data);
    // A rung of the ladder that is gone will not come back under its address.
    const gone = data.response?.code === 404 && hls.levels.length > 1;
    if (this.#networkRetries >= 3 || (failure.kind === 'gone' && !gone)) {
      this.on.failed(failure);
      return;
    }
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(
      () => (gone ? this.#rebuildIn(0) : hls.startLoad(-1)),
      backoff(this.#networkRetries++, Math.random()),
    );
  }
}

/** Position (seconds) where a source begins to load. */
function estimate(source: Source): number {
  switch (source.kind) {
    case 'live':
      return -1;
    case 'rewind':
      return Math.max(0, source.at - source.began);
    case 'video':
      return source.at;
  }
}

/** Seconds of buffered media in front of the playhead. */
function ahead({ buffered, currentTime }: HTMLVideoElement): number {
  return buffered.length ? Math.max(0, buffered.end(buffered.length - 1) - currentTime) : 0;
}

/** Names of the codecs in `video/mp4;codecs="hvc1.1.6.L93.B0"`. */
function codecsOf(mimeType = ''): string[] {
  const codecs = /codecs="?([^"]+)/.exec(mimeType)?.[1];
  return codecs ? [codecNames(codecs)] : [];
}

function isCodecError(data: ErrorData): boolean {
  return (
    data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR ||
    data.details === ErrorDetails.BUFFER_ADD_CODEC_ERROR ||
    data.details === ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR
  );
}

function levelName(level: Level): string {
  if (!level.height) return level.name || '';
  const fast = level.frameRate > 45 ? Math.round(level.frameRate) : '';
  return `${Math.min(level.height, level.width)}p${fast}`;
}
