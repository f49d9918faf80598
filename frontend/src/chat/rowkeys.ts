import type { VirtualList } from './list';
import type { MessageRow, Row } from './model';

export interface RowKeyActs {
  menu: (row: Row, at: HTMLElement) => void;
  reply: (row: MessageRow) => void;
  remove: (row: MessageRow) => void;
  leave: () => void;
}

/** Going through the messages without a mouse: arrows, Home, End; Enter opens the menu of one,
 * R answers it, Delete takes it away (who may), Escape leads to the text field. */
export function bindRowKeys(view: HTMLElement, list: VirtualList<Row>, acts: RowKeyActs): void {
  view.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    const here = target.closest<HTMLElement>('[data-key]');
    const index = here ? list.rows.findIndex(({ key }) => key === here.dataset['key']) : -1;
    const row = list.rows[index];
    const to = next(event.key, index, list.rows.length);
    if (to !== null) {
      const wanted = list.rows[to];
      if (wanted && list.show(wanted.key)) list.element(wanted.key)?.focus({ preventScroll: true });
    } else if (event.key === 'Escape') {
      acts.leave();
    } else if (row?.kind === 'notice' && row.about && target === here && opens(event.key)) {
      acts.menu(row, here);
    } else if (row?.kind === 'message' && row.message.id && target === here) {
      if (opens(event.key)) acts.menu(row, here);
      else if (event.key === 'r' || event.key === 'R') acts.reply(row);
      else if (event.key === 'Delete') acts.remove(row);
      else return;
    } else {
      return;
    }
    event.preventDefault();
    // The player's keys (arrows, space, letters) mean something else on the same page.
    event.stopPropagation();
  });
}

const opens = (key: string): boolean => key === 'Enter' || key === ' ';

function next(key: string, here: number, count: number): number | null {
  if (count === 0) return null;
  switch (key) {
    case 'ArrowUp':
      return here < 0 ? count - 1 : Math.max(0, here - 1);
    case 'ArrowDown':
      return here < 0 ? count - 1 : Math.min(count - 1, here + 1);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}
