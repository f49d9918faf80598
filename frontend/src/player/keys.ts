import type { MediaController } from 'media-chrome/media-controller';

const VOLUME_STEP = 0.05;

export interface KeyTargets {
  video: HTMLVideoElement;
  controller: MediaController;
  help: HTMLDialogElement;
}

export type KeyActions = Readonly<Record<string, () => unknown>>;

/**
 * Keyboard shortcuts of the page, silent while the person types or is in a menu or dialog.
 *
 * `more` are those that a live show and a video do not have in common.
 */
export function bindKeys({ video, controller, help }: KeyTargets, more: KeyActions): void {
  const request = (type: string): void => {
    controller.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true }));
  };
  const volume = (by: number): void => {
    video.volume = Math.min(1, Math.max(0, video.volume + by));
    video.muted = video.volume === 0;
  };
  const actions: Record<string, () => unknown> = {
    // A promise that is broken by other media, or a browser that wants a press, needs no words.
    k: () => (video.paused ? void video.play().catch(() => undefined) : video.pause()),
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
    '?': () => help.showModal(),
    ArrowUp: () => volume(VOLUME_STEP),
    ArrowDown: () => volume(-VOLUME_STEP),
    ...more,
  };
  actions[' '] = actions['k']!;

  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (help.open || isBusy(event)) return;
    const action = actions[keyName(event.key, event.code)];
    if (!action) return;
    event.preventDefault();
    action();
    // The controls show what a key has changed, as after a key pressed among them.
    controller.dispatchEvent(new Event('keyup'));
  });
}

/** What a key is called in the table of shortcuts, whatever the input method makes of it. */
export function keyName(key: string, code: string): string {
  if (key.length > 1) return key;
  // With Hangul switched on, the key of K says "ㅏ".
  if (key > '\u007f') return /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase() ?? key;
  return key.toLowerCase();
}

const TYPING = 'input:not([type=range]), textarea, select, [contenteditable], dialog, [role=menu]';
const OPERABLE = 'button, a, summary, media-control-bar > *';

/** Whether the key belongs to what has the focus rather than to the player. */
function isBusy(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (!target || target.closest(TYPING)) return true;
  // Space and the arrows have a meaning of their own on buttons, links and sliders.
  if (event.key !== ' ' && !event.key.startsWith('Arrow')) return false;
  return target.closest(OPERABLE) !== null;
}
