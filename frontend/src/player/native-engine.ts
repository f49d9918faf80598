import { USUAL_TARGET, type Engine, type EngineEvents, type QualityLevel } from './engine';

const HLS_TYPE = 'application/vnd.apple.mpegurl';

/** The browser's own HLS: iPhones before iOS 17.1, where scripts cannot feed media. */
export class NativeEngine implements Engine {
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

  codecsChanged(): void {
    this.load();
    this.on.attached();
  }

  offered(): void {
    // What the browser plays it chose by itself.
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
