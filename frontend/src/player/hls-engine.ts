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
import { backBuffer, MediaRecovery, rebuildDelay, TrackWatch } from './recovery';

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
    backBufferLength: Infinity, // until a key frame is known
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

/** Key frames that are remembered: those of the back buffer, where they are close together. */
const MOST_KEYS = 200;

/** hls.js, rebuilt whenever what it was built for no longer holds. */
export class HlsEngine implements Engine {
  #hls: Hls | null = null;
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
      hls.config.backBufferLength = backBuffer(keys, this.video.currentTime);
    });
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
    this.#rebuildIn(rebuildDelay(ahead(this.video), section, this.targetLatency()));
  }

  #rebuildIn(seconds: number): void {
    this.#rebuildTimer = setTimeout(() => this.#build(), seconds * 1_000);
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
      this.on.failed({ kind: data.type === ErrorTypes.NETWORK_ERROR ? 'network' : 'media' });
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

  #recoverNetwork(hls: Hls, data: ErrorData): void {
    if (this.#networkRetries >= 3) {
      this.on.failed({ kind: 'network' });
      return;
    }
    clearTimeout(this.#retryTimer);
    // A rung of the ladder that is gone will not come back under its address.
    const gone = data.response?.code === 404 && hls.levels.length > 1;
    this.#retryTimer = setTimeout(
      () => (gone ? this.#build() : hls.startLoad(-1)),
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
