import Hls, {
  ErrorDetails,
  ErrorTypes,
  Events,
  type ErrorData,
  type Fragment,
  type HlsConfig,
  type Level,
} from 'hls.js/light';
import { backoff } from '../lib/backoff';
import { codecNames } from '../lib/codecs';
import { USUAL_TARGET, type Engine, type EngineEvents, type QualityLevel } from './engine';
import { MediaRecovery, rebuildDelay, TrackWatch } from './recovery';

function options(session: string): Partial<HlsConfig> {
  const errorRetry = {
    maxNumRetry: 6,
    retryDelayMs: 500,
    maxRetryDelayMs: 4_000,
    backoff: 'exponential' as const,
  };
  const timeoutRetry = { maxNumRetry: 3, retryDelayMs: 0, maxRetryDelayMs: 0 };
  const policy = (first: number, whole: number) => ({
    default: { maxTimeToFirstByteMs: first, maxLoadTimeMs: whole, timeoutRetry, errorRetry },
  });
  return {
    lowLatencyMode: true,
    // Fragmented MP4 passes through unchanged: a worker would cost a start-up and win nothing.
    enableWorker: false,
    // Start at once on the level that the station lists first; measure while playing.
    testBandwidth: false,
    startFragPrefetch: true,
    abrEwmaDefaultEstimate: 5_000_000,
    maxBufferLength: 10,
    backBufferLength: 30,
    liveDurationInfinity: true,
    maxLiveSyncPlaybackRate: 1.1,
    // A stall moves the target back by a quarter second, not by hls.js's whole one.
    liveSyncOnStallIncrease: 0.25,
    // A blocking reload answers after three target durations at the latest.
    playlistLoadPolicy: policy(15_000, 20_000),
    fragLoadPolicy: policy(15_000, 30_000),
    manifestLoadPolicy: policy(8_000, 12_000),
    xhrSetup: (request, url) => {
      // Tells who plays, and that media playlists may be answered with parts alone. The playlist
      // that the page preloads is asked for without it.
      if (!new URL(url, location.href).pathname.endsWith('/index.m3u8')) {
        request.setRequestHeader('X-Playback-Session-Id', session);
      }
    },
  };
}

function sessionId(): string {
  // randomUUID exists only in secure contexts; a station at home is often plain HTTP.
  if ('randomUUID' in crypto) return crypto.randomUUID();
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** hls.js, rebuilt whenever what it was built for no longer holds. */
export class HlsEngine implements Engine {
  #hls: Hls | null = null;
  #networkRetries = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #rebuildTimer: ReturnType<typeof setTimeout> | undefined;
  /** Name of the level that the person chose; null for automatic. */
  #chosen: string | null = null;
  readonly #recovery = new MediaRecovery();
  readonly #session = sessionId();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly src: string,
    private readonly on: EngineEvents,
  ) {}

  load(): void {
    this.#networkRetries = 0;
    this.#build();
  }

  #build(): void {
    this.unload();
    const hls = new Hls(options(this.#session));
    const watch = new TrackWatch();
    this.#hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => {
      hls.startLevel = hls.firstLevel;
      const chosen = hls.levels.findIndex((level) => levelName(level) === this.#chosen);
      if (chosen >= 0) hls.loadLevel = chosen;
      this.on.levelsChanged();
    });
    hls.on(Events.LEVEL_SWITCHED, () => this.on.levelsChanged());
    hls.on(Events.LEVELS_UPDATED, () => this.on.levelsChanged());
    hls.on(Events.FRAG_BUFFERED, () => {
      this.#networkRetries = 0;
    });
    let loading: Fragment | undefined;
    hls.on(Events.FRAG_LOADING, (_name, { frag }) => {
      loading = frag;
    });
    // Before hls.js appends anything: what it cannot append it reports as a fatal error.
    hls.on(Events.BUFFER_CODECS, (_name, tracks) => {
      if (loading && watch.changes(loading.level, tracks)) this.#playOutAndRebuild(hls, loading);
    });
    hls.on(Events.ERROR, (_name, data) => this.#onError(hls, data));
    hls.attachMedia(this.video);
    hls.loadSource(this.src);
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
    const delay = rebuildDelay(ahead(this.video), section, this.targetLatency());
    hls.stopLoad();
    this.#rebuildTimer = setTimeout(() => this.#rebuild(), delay * 1_000);
  }

  #rebuild(): void {
    this.#build();
    this.on.restarted();
  }

  #onError(hls: Hls, data: ErrorData): void {
    if (!data.fatal || hls !== this.#hls || this.#rebuildTimer !== undefined) return;
    if (isCodecError(data)) {
      this.on.failed({ kind: 'codec', codecs: codecsOf(data.mimeType) });
    } else if (data.type === ErrorTypes.MEDIA_ERROR) {
      this.#recoverMedia(hls);
    } else if (data.type === ErrorTypes.NETWORK_ERROR && hls.levels.length > 0) {
      this.#recoverNetwork(hls, data);
    } else {
      this.on.failed({ kind: data.type === ErrorTypes.NETWORK_ERROR ? 'network' : 'media' });
    }
  }

  #recoverMedia(hls: Hls): void {
    switch (this.#recovery.next(performance.now() / 1_000)) {
      case 'recover':
        hls.recoverMediaError();
        this.on.restarted();
        break;
      case 'rebuild':
        this.#rebuild();
        break;
      case 'fail':
        this.on.failed({ kind: 'media' });
    }
  }

  #recoverNetwork(hls: Hls, data: ErrorData): void {
    if (this.#networkRetries >= 3) {
      this.on.failed({ kind: 'network' });
      return;
    }
    clearTimeout(this.#retryTimer);
    // A rung of the ladder that is gone will not come back under its address.
    const gone = data.response?.code === 404 && hls.levels.length > 1;
    this.#retryTimer = setTimeout(
      () => (gone ? this.#rebuild() : hls.startLoad(-1)),
      backoff(this.#networkRetries++, Math.random()),
    );
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
