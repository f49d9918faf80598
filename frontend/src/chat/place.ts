import { find } from '../lib/dom';
import { remember } from '../lib/storage';

interface Panel {
  start(): void;
  stop(): void;
}

const POPUP = 'popup,width=420,height=760';

/** Binds the place of the chat: beside the player, put away, or in a window of its own. */
export function bindPlace(root: HTMLElement, panel: Panel): void {
  const page = document.documentElement;
  const show = find<HTMLButtonElement>('[data-chat-show]');
  const collapse = find<HTMLButtonElement>('[data-chat-collapse]', root);
  const popout = find<HTMLAnchorElement>('[data-chat-popout]', root);

  const put = (hidden: boolean): void => {
    remember('chat.hidden', hidden ? '1' : null);
    if (hidden) {
      page.dataset['chatHidden'] = '';
      panel.stop();
    } else {
      delete page.dataset['chatHidden'];
      panel.start();
    }
  };
  collapse?.addEventListener('click', () => {
    put(true);
    show?.focus();
  });
  show?.addEventListener('click', () => {
    put(false);
    collapse?.focus();
  });
  popout?.addEventListener('click', (event) => {
    const opened = window.open(popout.href, `chat-${root.dataset['slug'] ?? ''}`, POPUP);
    // A blocked window: the link opens a tab then.
    if (opened) event.preventDefault();
  });
  if (page.dataset['chatHidden'] === undefined || !show) panel.start();
}
