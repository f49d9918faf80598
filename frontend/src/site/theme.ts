import { t } from '../i18n';
import { find } from '../lib/dom';
import { recall, remember } from '../lib/storage';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const LABELS = { auto: 'themeAuto', light: 'themeLight', dark: 'themeDark' } as const;

function current(): Theme {
  return THEMES.find((theme) => theme === recall('theme')) ?? 'auto';
}

function apply(theme: Theme, button: HTMLElement): void {
  if (theme === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  button.dataset['shows'] = theme;
  button.setAttribute('aria-label', t(LABELS[theme]));
  button.title = t(LABELS[theme]);
}

/** The theme button goes round: as the system, light, dark. */
export function bindTheme(): void {
  const button = find('[data-theme-switch]');
  if (!button) return;
  apply(current(), button);
  button.addEventListener('click', () => {
    const next = THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length] ?? 'auto';
    remember('theme', next === 'auto' ? null : next);
    apply(next, button);
  });
}
