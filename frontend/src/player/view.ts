import { device } from '../lib/storage';

/** Seconds of play after which a view is told to the station, which decides whether it counts. */
const ENOUGH = 10;

/** A view of a video by this page, told once. */
export class View {
  private seconds = 0;

  constructor(private readonly video: string) {}

  /** Takes seconds in which the picture moved. */
  played(seconds: number): void {
    const before = this.seconds;
    this.seconds += seconds;
    if (before >= ENOUGH || this.seconds < ENOUGH) return;
    void fetch(`/api/v1/videos/${this.video}/views`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ browser: device() }),
      keepalive: true,
    }).catch(() => undefined);
  }
}
