import { find, need, say } from './lib/dom';
import { Row } from './upload/row';
import { showUnfinished } from './upload/unfinished';

const AT_ONCE = 2;

const page = find('[data-uploads]');
if (page) mount(page);

function mount(root: HTMLElement): void {
  const channel = root.dataset['channel'] ?? '';
  const chunk = Number(root.dataset['chunk']) || 64_000_000;
  const list = need('[data-upload-list]', root);
  const template = need<HTMLTemplateElement>('[data-upload-row]', root);
  const input = need<HTMLInputElement>('input[type=file]', root);
  const area = need('[data-drop]', root);
  const rows = new Set<Row>();

  const schedule = (): void => {
    for (const row of rows) if (!row.element.isConnected) rows.delete(row);
    let free = AT_ONCE - [...rows].filter((row) => row.state === 'sending').length;
    for (const row of rows) {
      if (free <= 0) break;
      if (row.state === 'waiting') {
        free -= 1;
        row.start();
      }
    }
  };

  const add = (files: Iterable<File>): void => {
    for (const file of files) {
      const announce = (words: string): void => say(find('[data-announcer]', root), words);
      const row = new Row(file, channel, chunk, template, announce, () => queueMicrotask(schedule));
      rows.add(row);
      list.append(row.element);
    }
    schedule();
  };

  input.addEventListener('change', () => {
    add(input.files ?? []);
    input.value = '';
  });
  for (const name of ['dragenter', 'dragover']) {
    root.addEventListener(name, (event) => {
      event.preventDefault();
      area.dataset['over'] = '';
    });
  }
  for (const name of ['dragleave', 'drop']) {
    root.addEventListener(name, () => delete area.dataset['over']);
  }
  root.addEventListener('drop', (event) => {
    event.preventDefault();
    add(event.dataTransfer?.files ?? []);
  });
  addEventListener('beforeunload', (event) => {
    if ([...rows].some((row) => row.busy)) event.preventDefault();
  });
  // The list is a convenience: without it a file that is chosen again goes on all the same.
  void showUnfinished(need('[data-unfinished]', root), channel).catch(() => undefined);
}
