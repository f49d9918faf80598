import { device } from '../lib/storage';
import { Connection } from './connection';
import { Fallback } from './fallback';
import { Room, type Row } from './model';
import { authOf, parseEvent, type Emote, type RoomEvent } from './protocol';
import { RowPainter } from './rows';

/** The chat over a picture: read only, without a background, for OBS and its like. */
export function mountOverlay(root: HTMLElement): void {
  const stay = Number(root.dataset['stay']) * 1_000;
  const most = Number(root.dataset['most']);
  const painter = new RowPainter(null);
  const room = new Room();
  const shown = new Map<string, HTMLElement>();

  const render = (): void => {
    const rows = room.rows.filter((row) => row.kind === 'message').slice(-most);
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, element] of shown) {
      if (keys.has(key)) continue;
      element.remove();
      shown.delete(key);
    }
    for (const row of rows) if (!shown.has(row.key)) add(row);
  };
  const add = (row: Row): void => {
    const element = painter.draw(row);
    shown.set(row.key, element);
    root.append(element);
    if (stay > 0) setTimeout(() => element.classList.add('overlay-gone'), stay);
  };

  const heard = (event: RoomEvent | null): void => {
    if (event?.type === 'welcome') {
      room.welcome(event.welcome);
      emotesAre(event.welcome.emotes);
    } else if (event?.type === 'emotes') emotesAre(event.emotes);
    else if (event?.type === 'messages') room.receive(event.messages);
    else if (event?.type === 'delete') room.remove(event.ids);
    else if (event?.type === 'clear') room.clear(event.person);
    else return;
    render();
  };
  const emotesAre = (emotes: readonly Emote[]): void => {
    painter.emotes = new Map(emotes.map((emote) => [emote.name, emote]));
  };

  const slug = root.dataset['slug'] ?? '';
  const fallback = new Fallback({
    slug: () => slug,
    event: heard,
    messages: (messages) => {
      room.polled(messages);
      render();
    },
    changed: () => undefined,
  });
  new Connection({
    auth: () => authOf(slug, device(), null, room.since),
    changed: (link) => {
      root.dataset['state'] = link.state;
      fallback.linked(link);
    },
    event: (name, value) => heard(parseEvent(name, value)),
  }).start();
}
