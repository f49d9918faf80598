import type { HlsConfig } from 'hls.js/light';
import type { Source } from './engine';

const policy = (first: number, whole: number) => ({
  default: {
    maxTimeToFirstByteMs: first,
    maxLoadTimeMs: whole,
    timeoutRetry: { maxNumRetry: 3, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: {
      maxNumRetry: 6,
      retryDelayMs: 500,
      maxRetryDelayMs: 4_000,
      backoff: 'exponential' as const,
    },
  },
});

const LIVE: Partial<HlsConfig> = {
  lowLatencyMode: true,
  maxBufferLength: 10,
  backBufferLength: Infinity, // until a key frame is known
  liveDurationInfinity: true,
  maxLiveSyncPlaybackRate: 1.1,
  // A stall moves the target back by a quarter second, not by hls.js's whole one.
  liveSyncOnStallIncrease: 0.25,
};

/** Videos, and shows behind their live edge: nobody waits for the next part. */
const KEPT: Partial<HlsConfig> = {
  lowLatencyMode: false,
  maxBufferLength: 30,
  maxMaxBufferLength: 120,
  backBufferLength: 60,
};

/** Options of hls.js for a source; `start` is the position (seconds) where it begins. */
export function options(kind: Source['kind'], start: number, session: string): Partial<HlsConfig> {
  return {
    ...(kind === 'live' ? LIVE : { ...KEPT, startPosition: start }),
    // Fragmented MP4 passes through unchanged: a worker would cost a start-up and win nothing.
    enableWorker: false,
    // Start at once on the level that the station lists first; measure while playing.
    testBandwidth: false,
    startFragPrefetch: true,
    abrEwmaDefaultEstimate: 5_000_000,
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

export function sessionId(): string {
  // randomUUID exists only in secure contexts; a station at home is often plain HTTP.
  if ('randomUUID' in crypto) return crypto.randomUUID();
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
