import { find, need, say } from './lib/dom';
import { Outcomes } from './upload/outcome';
import { Row, type Page } from './upload/row';
import { forget, showUnfinished } from './upload/unfinished';

const AT_ONCE = 2;

const page = find('[data-uploads]');
if (page) mount(page);

function mount(root: HTMLElement): void {
  const channel = root.dataset['channel'] ?? '';
  const list = need('[data-upload-list]', root);
  const input = need<HTMLInputElement>('input[type=file]', root);
  const area = need('[data-drop]', root);
  const unfinished = need('[data-unfinished]', root);
  const rows = new Set<Row>();
  const page: Page = {
    channel,
    account: root.dataset['account'] ?? '',
    replaces: root.dataset['replaces'] ?? '',
    chunk: Number(root.dataset['chunk']) || 64_000_000,
    template: need<HTMLTemplateElement>('[data-upload-row]', root),
    outcomes: new Outcomes(root.dataset['progress'] ?? ''),
    announce: (words) => say(find('[data-announcer]', root), words),
    found: (url) => forget(unfinished, url),
    changed: () => queueMicrotask(schedule),
  };

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
      const row = new Row(file, page);
      const known = [...rows].find((each) => each.key === row.key && each.state !== 'sent');
      if (known?.busy) known.point();
      else if (known?.state === 'paused') known.resume();
      else {
        if (known) known.replaceBy(row);
        else list.append(row.element);
        rows.add(row);
      }
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
  // Who has signed in again, in another tab, comes back to this one.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    for (const row of rows) if (row.signedOut) row.resume();
  });
  // The list is a convenience: without it a file that is chosen again goes on all the same.
  void showUnfinished(unfinished, channel).catch(() => undefined);
}
