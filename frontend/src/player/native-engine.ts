import {
  refusal,
  USUAL_TARGET,
  type Engine,
  type EngineEvents,
  type QualityLevel,
  type Source,
} from './engine';
import { dateAt, firstUri, positionAt, segmentsOf, type Dated, type Loaded } from './timeline';

const HLS_TYPE = 'application/vnd.apple.mpegurl';

/** The browser's own HLS: iPhones before iOS 17.1, where scripts cannot feed media. */
export class NativeEngine implements Engine {
  #source: Source = { kind: 'live', src: '' };
  /** Segments of a video: the browser tells the date of the first alone, whatever the gaps. */
  #segments: readonly Dated[] = [];

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly on: EngineEvents,
  ) {
    video.addEventListener('error', () => {
      if (!video.hasAttribute('src')) return;
      const code = video.error?.code;
      if (code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED && !video.canPlayType(HLS_TYPE)) {
        on.failed({ kind: 'codec', codecs: [] });
      } else if (code === MediaError.MEDIA_ERR_DECODE) {
        on.failed({ kind: 'media' });
      } else {
        void this.#explain(this.#source);
      }
    });
    video.addEventListener('loadedmetadata', () => this.#begin());
  }

  load(source: Source): void {
    this.#source = source;
    this.video.src = source.src;
    this.video.load();
    this.on.levelsChanged();
    this.#segments = [];
    if (source.kind === 'video') void this.#readDates(source.src).catch(() => undefined);
  }

  /** Asks the station, as the browser does not say what was answered. */
  async #explain(source: Source): Promise<void> {
    let status = 0;
    if (source.kind !== 'live') {
      const answer = await fetch(source.src, { cache: 'no-store' }).catch(() => undefined);
      status = answer?.status ?? 0;
    }
    if (source === this.#source) this.on.failed(refusal(source, status));
  }

  async #readDates(src: string): Promise<void> {
    const address = new URL(src, location.href);
    const media = new URL(firstUri(await text(address)), address);
    this.#segments = segmentsOf(await text(media));
  }

  #begin(): void {
    if (this.#source.kind === 'rewind') this.seekDate(this.#source.at);
    if (this.#source.kind === 'video') this.video.currentTime = this.#source.at;
  }

  unload(): void {
    this.video.removeAttribute('src');
    this.video.load();
  }

  codecsChanged(): void {
    this.load(this.#source);
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
    const start = this.#startDate();
    return start === null ? null : new Date((start + this.video.currentTime) * 1_000);
  }

  loaded(): Loaded | null {
    const start = this.#startDate();
    const { seekable, duration } = this.video;
    if (start === null || !seekable.length) return null;
    return {
      start: start + seekable.start(0),
      end: start + seekable.end(seekable.length - 1),
      growing: !Number.isFinite(duration),
    };
  }

  dateAt(position: number): number | null {
    if (this.#segments.length) return dateAt(this.#segments, position);
    const start = this.#startDate();
    return start === null ? null : start + position;
  }

  positionAt(date: number): number | null {
    const last = this.#segments.at(-1);
    if (last) return positionAt(this.#segments, date, last.start + last.duration);
    const start = this.#startDate();
    return start === null ? null : Math.max(0, date - start);
  }

  seekDate(date: number): void {
    const position = this.positionAt(date);
    if (position !== null) this.video.currentTime = position;
  }

  /** Date of position 0 in seconds since 1970. */
  #startDate(): number | null {
    const video = this.video as HTMLVideoElement & { getStartDate?: () => Date };
    const start = video.getStartDate?.().getTime();
    return start === undefined || Number.isNaN(start) ? null : start / 1_000;
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

async function text(address: URL): Promise<string> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.href}: ${response.status}`);
  return response.text();
}
