import { language, t, type Key } from '../i18n';
import { codecNames } from '../lib/codecs';
import { find, need, say } from '../lib/dom';
import { bitRate, seconds } from '../lib/format';
import { parseHealth, READINGS, type Advice, type Health, type Reading } from '../lib/health';
import { fetchJson, poll } from '../lib/poll';
import type { StationState } from '../lib/status';
import { Sparkline } from './sparkline';

const ASK_EVERY = 2_000;

const STATES: Record<StationState, Key> = {
  offline: 'offAir',
  ended: 'offAir',
  starting: 'starting',
  live: 'onAir',
  interrupted: 'interrupted',
};

const whole = new Intl.NumberFormat(language);

const WRITE: Record<Reading, (value: number) => string> = {
  viewers: (value) => whole.format(value),
  bitrate: bitRate,
  frame_rate: (value) => `${Number(value.toFixed(1))} fps`,
  part_lag: (value) => seconds(value, 2),
  arrival_lag: (value) => seconds(value, 2),
  keyframe_interval: (value) => seconds(value, 1),
  dropped_frames: (value) => whole.format(value),
  disconnects: (value) => whole.format(value),
};

/** The panel that says how the encoder's stream arrives, and what to change. */
export function bindHealth(studio: HTMLElement): void {
  const panel = need('[data-health]', studio);
  const adviceList = need<HTMLUListElement>('[data-advice]', panel);
  const pill = need('[data-state-pill]', studio);
  const charts = new Map<Reading, Sparkline>();
  for (const name of READINGS) {
    const canvas = find<HTMLCanvasElement>(`[data-reading="${name}"] [data-chart]`, panel);
    if (canvas) charts.set(name, new Sparkline(canvas));
  }

  const render = (health: Health): void => {
    pill.dataset['state'] = health.state;
    say(pill, t(STATES[health.state]));
    say(find('[data-health-codecs]', panel), codecNames(health.codecs));
    for (const name of READINGS) {
      const value = health.readings[name];
      const tile = need(`[data-reading="${name}"]`, panel);
      const text = value === null ? '–' : WRITE[name](value);
      say(find('dd', tile), text);
      const chart = charts.get(name);
      if (!chart || value === null) continue;
      chart.push(value);
      const label = find('dt', tile)?.textContent ?? '';
      find('[data-chart]', tile)?.setAttribute(
        'aria-label',
        t('chartLabel', { name: label, value: text }),
      );
    }
    renderAdvice(adviceList, adviceOf(health));
  };

  poll({
    ask: async (signal) =>
      parseHealth(await fetchJson(studio.dataset['healthUrl'] ?? '', signal)),
    answer: (health) => {
      render(health);
      return ASK_EVERY;
    },
    failed: () => renderAdvice(adviceList, [plain('lost', 'warning', t('healthLost'))]),
    restWhenHidden: true,
  });
}

const plain = (code: string, severity: string, title: string): Advice => ({
  code,
  severity,
  title,
  text: '',
});

function adviceOf(health: Health): Advice[] {
  if (health.advice.length) return health.advice;
  return health.state === 'live'
    ? [plain('healthy', 'ok', t('healthy'))]
    : [plain('offline', 'info', t('healthOffline'))];
}

function renderAdvice(into: HTMLUListElement, advice: Advice[]): void {
  const shows = JSON.stringify(advice);
  if (into.dataset['shows'] === shows) return;
  into.dataset['shows'] = shows;
  into.replaceChildren(
    ...advice.map(({ code, severity, title, text }) => {
      const item = document.createElement('li');
      item.className = 'note';
      item.dataset['severity'] = severity;
      item.dataset['code'] = code;
      const words = document.createElement('div');
      const heading = document.createElement('p');
      heading.className = 'font-bold';
      heading.textContent = title;
      words.append(heading);
      if (text) {
        const body = document.createElement('p');
        body.className = 'note-text';
        body.textContent = text;
        words.append(body);
      }
      item.append(words);
      return item;
    }),
  );
}
