import { findAll, need } from '../lib/dom';
import { exactClock, parseClock } from '../lib/format';
import type { VideoPlayer } from '../player/video';

/** Takes start and end of a video from its player, and plays what is left. */
export function bindTrim(root: HTMLElement, player: VideoPlayer): void {
  const field = (name: string) => need<HTMLInputElement>(`input[name="${name}"]`, root);
  let stopAt: number | null = null;

  for (const button of findAll('[data-trim-here]', root)) {
    const name = button.dataset['trimHere'] ?? '';
    button.addEventListener('click', () => {
      // Rounded so that the picture on the screen stays inside.
      const tenths = player.position() * 10;
      const rounded = name === 'start' ? Math.floor(tenths + 0.01) : Math.ceil(tenths - 0.01);
      field(name).value = exactClock(rounded / 10);
    });
  }
  need('[data-trim-preview]', root).addEventListener('click', () => {
    stopAt = parseClock(field('end').value);
    player.playFrom(parseClock(field('start').value) ?? 0);
  });
  player.onMove(() => {
    if (stopAt === null || player.position() < stopAt) return;
    // Once: who plays on, or goes elsewhere, is not stopped again.
    stopAt = null;
    player.pause();
  });
}
