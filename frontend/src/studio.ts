import './styles/player.css';
import { codecNames } from './lib/codecs';
import { find, findAll, need, say } from './lib/dom';
import { bindCopyButtons } from './site/copy';
import { bindQuestions } from './site/questions';
import { bindBulk } from './studio/bulk';
import { bindDetails } from './studio/details';
import { bindHealth } from './studio/health';
import { bindPoster } from './studio/poster';
import { bindPreparations } from './studio/preparations';

bindCopyButtons(document);
bindQuestions(document);
for (const form of findAll<HTMLFormElement>('[data-poster]')) bindPoster(form);
for (const form of findAll<HTMLFormElement>('[data-bulk]')) bindBulk(form);
for (const rows of findAll('[data-preparations]')) bindPreparations(rows);
for (const cell of findAll('[data-codecs]')) say(cell, codecNames(cell.textContent ?? ''));

const trim = find('[data-trim]');
if (trim) {
  void Promise.all([import('./player/video'), import('./studio/trim')]).then(
    ([{ mountVideo }, { bindTrim }]) => bindTrim(trim, mountVideo(need('[data-player]', trim))),
  );
}

// The page that shows a fresh key shares this script, and has no desk.
const desk = find('[data-studio]');
if (desk) {
  bindHealth(desk);
  bindDetails(desk);
  // The preview is the heavy part: everything else works before it arrives.
  void import('./player/player').then(({ mountPlayer }) => mountPlayer(need('[data-player]')));
}
