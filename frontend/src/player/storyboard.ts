/** A picture of the seek bar: a rectangle (pixels) of a sheet, shown from `start` on (seconds). */
export interface Tile {
  readonly start: number;
  readonly src: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Return the tiles of a WebVTT list, whose own address is `base`, in the order of their times. */
export function parseStoryboard(text: string, base: string): Tile[] {
  const tiles: Tile[] = [];
  for (const block of text.split(/\r?\n\r?\n/)) {
    const cue = /^([\d:.]+) --> .*\r?\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\s*$/m.exec(block);
    if (!cue) continue;
    const [x, y, width, height] = cue.slice(3).map(Number) as [number, number, number, number];
    const start = cue[1]!.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
    tiles.push({ start, src: new URL(cue[2]!, base).href, x, y, width, height });
  }
  return tiles;
}

/** Return the tile for a time; null where there are none. */
export function tileAt(tiles: readonly Tile[], at: number): Tile | null {
  let low = 0;
  let high = tiles.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tiles[middle]!.start <= at) low = middle + 1;
    else high = middle;
  }
  return tiles[Math.max(0, low - 1)] ?? null;
}

/** The storyboard of a video, loaded when somebody first points at the seek bar. */
export class Storyboard {
  #tiles: readonly Tile[] = [];
  #asked = false;

  constructor(private readonly src: string) {}

  /** Loads the list once; a video without one is fine, and so is a list that cannot be had. */
  async load(): Promise<void> {
    if (this.#asked || !this.src) return;
    this.#asked = true;
    const address = new URL(this.src, location.href).href;
    try {
      const answer = await fetch(address);
      if (answer.ok) this.#tiles = parseStoryboard(await answer.text(), address);
    } catch {
      this.#asked = false; // the network was away: the next pointer asks again
    }
  }

  at(seconds: number): Tile | null {
    return tileAt(this.#tiles, seconds);
  }
}
