import './styles/chat.css';
import { bindPlace } from './chat/place';
import { find } from './lib/dom';

/** The chat waits for the first picture, but no longer than this (ms). */
const CHAT_AFTER = 1_200;

const root = find('[data-chat]:not([data-replay])');
const video = find<HTMLVideoElement>('[data-player] video');

function begin(chat: HTMLElement): void {
  void import('./chat/panel').then(({ ChatPanel }) => bindPlace(chat, new ChatPanel(chat)));
}

if (root) {
  const live = find('[data-player]')?.dataset['state'] === 'live';
  if (!video || !live || video.readyState >= 2) {
    begin(root);
  } else {
    let begun = false;
    const once = (): void => {
      if (!begun) begin(root);
      begun = true;
    };
    video.addEventListener('loadeddata', once, { once: true });
    setTimeout(once, CHAT_AFTER);
  }
}
