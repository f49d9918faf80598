import Hls, {
  ErrorDetails,
  ErrorTypes,
  Events,
  type ErrorData,
  type HlsConfig,
  type Level,
} from 'hls.js/light';
import { backoff } from '../lib/backoff';
import { codecNames } from '../lib/codecs';
import type { Failure } from './state';

export interface QualityLevel {
  index: number;
  name: string;
}

/** What plays the stream: hls.js, or the browser itself where it has no Media Source. */
export interface Engine {
  load(): void;
  unload(): void;
  goLive(): void;
  /** Distance to the estimated live edge in seconds; null while unknown. */
  edgeLatency(): number | null;
  targetLatency(): number;
  /** Wall-clock instant of the shown picture, from EXT-X-PROGRAM-DATE-TIME. */
  playingDate(): Date | null;
  levels(): QualityLevel[];
  /** Index of the level that is wished for (-1: automatic) and of the one that plays. */
  level(): { wished: number; playing: number };
  choose(index: number): void;
}

export interface EngineEvents {
  failed: (failure: Failure) => void;
  levelsChanged: () => void;
}

/** PART-HOLD-BACK of the default parts of 0.33 s, until the playlist has said its own. */
const USUAL_TARGET = 1;

/** Tries of hls.js's own recovery from a decoding error before the player starts afresh. */
const MEDIA_RECOVERIES = 2;

export function createEngine(video: HTMLVideoElement, src: string, on: EngineEvents): Engine {
  return Hls.isSupported() ? new HlsEngine(video, src, on) : new NativeEngine(video, src, on);
}

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
      // Only media tell who plays; the playlist that the page preloads is asked for without it.
      if (!new URL(url, location.href).pathname.endsWith('.m3u8')) {
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

class HlsEngine implements Engine {
  #hls: Hls | null = null;
  #mediaRecoveries = 0;
  #networkRetries = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #session = sessionId();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly src: string,
    private readonly on: EngineEvents,
  ) {}

  load(): void {
    this.unload();
    const hls = new Hls(options(this.#session));
    this.#hls = hls;
    this.#mediaRecoveries = 0;
    this.#networkRetries = 0;
    hls.on(Events.MANIFEST_PARSED, () => {
      hls.startLevel = hls.firstLevel;
      this.on.levelsChanged();
    });
    hls.on(Events.LEVEL_SWITCHED, () => this.on.levelsChanged());
    hls.on(Events.LEVELS_UPDATED, () => this.on.levelsChanged());
    hls.on(Events.FRAG_BUFFERED, () => {
      this.#networkRetries = 0;
    });
    hls.on(Events.ERROR, (_name, data) => this.#onError(hls, data));
    hls.attachMedia(this.video);
    hls.loadSource(this.src);
  }

  unload(): void {
    clearTimeout(this.#retryTimer);
    this.#hls?.destroy();
    this.#hls = null;
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
    if (this.#hls) this.#hls.nextLevel = index;
    this.on.levelsChanged();
  }

  #onError(hls: Hls, data: ErrorData): void {
    if (!data.fatal || hls !== this.#hls) return;
    if (isCodecError(data)) {
      this.on.failed({ kind: 'codec', codecs: codecsOf(data.mimeType) });
    } else if (data.type === ErrorTypes.MEDIA_ERROR) {
      this.#recoverMedia(hls);
    } else if (data.type === ErrorTypes.NETWORK_ERROR && hls.levels.length > 0) {
      this.#recoverNetwork(hls);
    } else {
      this.on.failed({ kind: data.type === ErrorTypes.NETWORK_ERROR ? 'network' : 'media' });
    }
  }

  #recoverMedia(hls: Hls): void {
    this.#mediaRecoveries += 1;
    if (this.#mediaRecoveries > MEDIA_RECOVERIES) {
      this.on.failed({ kind: 'media' });
      return;
    }
    // The second time, an audio codec that was announced wrongly is the usual cause.
    if (this.#mediaRecoveries === MEDIA_RECOVERIES) hls.swapAudioCodec();
    hls.recoverMediaError();
  }

  #recoverNetwork(hls: Hls): void {
    if (this.#networkRetries >= 3) {
      this.on.failed({ kind: 'network' });
      return;
    }
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(
      () => hls.startLoad(-1),
      backoff(this.#networkRetries++, Math.random()),
    );
  }
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

/** The browser's own HLS: iPhones before iOS 17.1, where scripts cannot feed media. */
class NativeEngine implements Engine {
  constructor(
    private readonly video: HTMLVideoElement,
    private readonly src: string,
    private readonly on: EngineEvents,
  ) {
    video.addEventListener('error', () => {
      if (!video.hasAttribute('src')) return;
      const code = video.error?.code;
      if (code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED && !video.canPlayType(HLS_TYPE)) {
        on.failed({ kind: 'codec', codecs: [] });
      } else {
        on.failed({ kind: code === MediaError.MEDIA_ERR_DECODE ? 'media' : 'network' });
      }
    });
  }

  load(): void {
    this.video.src = this.src;
    this.video.load();
    this.on.levelsChanged();
  }

  unload(): void {
    this.video.removeAttribute('src');
    this.video.load();
  }

  goLive(): void {
    const { seekable } = this.video;
    if (seekable.length) this.video.currentTime = seekable.end(seekable.length - 1);
  }

  edgeLatency(): number | null {
    const { seekable, currentTime } = this.video;
    return seekable.length ? Math.max(0, seekable.end(seekable.length - 1) - currentTime) : null;
  }

  targetLatency(): number {
    return USUAL_TARGET;
  }

  playingDate(): Date | null {
    const video = this.video as HTMLVideoElement & { getStartDate?: () => Date };
    const start = video.getStartDate?.().getTime();
    return start === undefined || Number.isNaN(start)
      ? null
      : new Date(start + this.video.currentTime * 1_000);
  }

  levels(): QualityLevel[] {
    return [];
  }

  level(): { wished: number; playing: number } {
    return { wished: -1, playing: -1 };
  }

  choose(): void {
    this.on.levelsChanged();
  }
}

const HLS_TYPE = 'application/vnd.apple.mpegurl';
