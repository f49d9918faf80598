import type { MediaController } from 'media-chrome/media-controller';

const SEEK_STEP = 5;
const VOLUME_STEP = 0.05;

export interface KeyTargets {
  video: HTMLVideoElement;
  controller: MediaController;
  help: HTMLDialogElement;
  goLive: () => void;
}

/** Keyboard shortcuts of the page, silent while the person types or is in a menu or dialog. */
export function bindKeys({ video, controller, help, goLive }: KeyTargets): void {
  const request = (type: string): void => {
    controller.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true }));
  };
  const volume = (by: number): void => {
    video.volume = Math.min(1, Math.max(0, video.volume + by));
    video.muted = video.volume === 0;
  };
  const seek = (by: number): void => {
    const { seekable } = video;
    if (!seekable.length) return;
    if (by > 0 && video.currentTime + by > seekable.end(seekable.length - 1) - SEEK_STEP) goLive();
    else video.currentTime = Math.max(seekable.start(0), video.currentTime + by);
  };
  const actions: Record<string, () => void> = {
    k: () => (video.paused ? void video.play() : video.pause()),
    m: () => {
      video.muted = !video.muted;
    },
    f: () =>
      request(
        document.fullscreenElement ? 'mediaexitfullscreenrequest' : 'mediaenterfullscreenrequest',
      ),
    p: () =>
      request(document.pictureInPictureElement ? 'mediaexitpiprequest' : 'mediaenterpiprequest'),
    c: () => request('mediatogglesubtitlesrequest'),
    l: goLive,
    '?': () => help.showModal(),
    ArrowUp: () => volume(VOLUME_STEP),
    ArrowDown: () => volume(-VOLUME_STEP),
    ArrowLeft: () => seek(-SEEK_STEP),
    ArrowRight: () => seek(SEEK_STEP),
  };
  actions[' '] = actions['k']!;

  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (help.open || isBusy(event)) return;
    const action = actions[keyName(event.key, event.code)];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** What a key is called in the table of shortcuts, whatever the input method makes of it. */
export function keyName(key: string, code: string): string {
  if (key.length > 1) return key;
  // With Hangul switched on, the key of K says "ㅏ".
  if (key > '\u007f') return /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase() ?? key;
  return key.toLowerCase();
}

const TYPING = 'input, textarea, select, [contenteditable], dialog, [role=menu]';
const OPERABLE = 'button, a, summary, media-control-bar > *';

/** Whether the key belongs to what has the focus rather than to the player. */
function isBusy(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (!target || target.closest(TYPING)) return true;
  // Space and the arrows have a meaning of their own on buttons, links and sliders.
  if (event.key !== ' ' && !event.key.startsWith('Arrow')) return false;
  return target.closest(OPERABLE) !== null;
}
