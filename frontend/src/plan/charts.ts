import uPlot from 'uplot';
import { language, t } from '../i18n';
import { need } from '../lib/dom';
import type { Answer } from './types';

const HEIGHT = 220;

/** Days, hours, months and people are not divided. */
const WHOLE = [1, 2, 3, 4, 5, 6, 10, 20, 25, 50, 100, 200, 250, 500, 1_000, 5_000, 10_000, 100_000, 1_000_000];

interface Line {
  label: string;
  colour: string;
  filled?: boolean;
  dashed?: boolean;
}

/** The four charts; they are made once and fed with each answer. */
export class Charts {
  readonly #charts = new Map<string, uPlot>();
  #last: Answer | undefined;

  constructor(private readonly root: HTMLElement) {
    const again = (): void => {
      for (const chart of this.#charts.values()) chart.destroy();
      this.#charts.clear();
      if (this.#last) this.show(this.#last);
    };
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
    new MutationObserver(again).observe(document.documentElement, { attributeFilter: ['data-theme'] });
    new ResizeObserver(() => {
      for (const [name, chart] of this.#charts) {
        chart.setSize({ width: this.#place(name).clientWidth, height: HEIGHT });
      }
    }).observe(root);
  }

  show(answer: Answer): void {
    this.#last = answer;
    const { series, storage, currency } = answer;
    const level = (value: number, points: number[]): number[] => points.map(() => value);
    this.#draw('transfer', bytes, day, [series.transfer_days, series.transfer_used, series.transfer_accrued], [
      { label: t('chartUsed'), colour: '--color-accent-fill', filled: true },
      { label: t('chartAccrued'), colour: '--color-good', dashed: true },
    ]);
    this.#draw('people', whole, hour, [series.people_hours, series.people, level(series.people_hold, series.people_hours)], [
      { label: t('chartPeople'), colour: '--color-accent-fill', filled: true },
      { label: t('chartHolds'), colour: '--color-good', dashed: true },
    ]);
    this.#draw('storage', bytes, month, [series.storage_months, series.storage_used, level(storage.bytes, series.storage_months)], [
      { label: t('chartStored'), colour: '--color-accent-fill', filled: true },
      { label: t('chartCapacity'), colour: '--color-good', dashed: true },
    ]);
    const money = (usd: number): string => moneyText(usd * currency.rate, currency.code);
    this.#draw('profit', money, whole, [series.profit_subscribers, series.profit, level(0, series.profit)], [
      { label: t('chartLeft'), colour: '--color-accent-fill' },
      { label: t('chartEven'), colour: '--color-good', dashed: true },
    ], currency.code);
  }

  #place(name: string): HTMLElement {
    return need(`[data-chart=${name}]`, this.root);
  }

  #draw(
    name: string,
    y: (value: number) => string,
    x: (value: number) => string,
    data: number[][],
    lines: Line[],
    variant = '',
  ): void {
    const place = this.#place(name);
    const known = this.#charts.get(name);
    if (known && place.dataset['variant'] === variant) {
      known.setData(data as uPlot.AlignedData);
      return;
    }
    known?.destroy();
    place.dataset['variant'] = variant;
    this.#charts.set(name, new uPlot(this.#options(place, y, x, lines), data as uPlot.AlignedData, place));
  }

  #options(
    place: HTMLElement,
    y: (value: number) => string,
    x: (value: number) => string,
    lines: Line[],
  ): uPlot.Options {
    const soft = colour(place, '--color-soft');
    const grid = { stroke: colour(place, '--color-line'), width: 1 };
    const font = `12px ${getComputedStyle(place).fontFamily}`;
    const axis = { stroke: soft, grid, ticks: grid, font };
    return {
      width: Math.max(place.clientWidth, 240),
      height: HEIGHT,
      cursor: { y: false },
      scales: { x: { time: false }, y: { range: (_, least, most) => room(least, most) } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map(x), space: 48, incrs: WHOLE },
        { ...axis, values: (_, ticks) => ticks.map(y), size: 68, space: 36 },
      ],
      series: [
        { value: (_, value) => (value === null ? '' : x(value)), label: '' },
        ...lines.map((line): uPlot.Series => {
          const stroke = colour(place, line.colour);
          return {
            label: line.label,
            stroke,
            width: 2,
            points: { show: false },
            value: (_, value) => (value === null ? '–' : y(value)),
            ...(line.filled ? { fill: `color-mix(in srgb, ${stroke} 18%, transparent)` } : {}),
            ...(line.dashed ? { dash: [6, 5] } : {}),
          };
        }),
      ],
    };
  }
}

/** The colour that a token has now: a canvas does not know `light-dark()`. */
function colour(place: HTMLElement, token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${token})`;
  place.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function room(least: number, most: number): [number, number] {
  const low = Math.min(0, least);
  const high = Math.max(0, most);
  const spare = (high - low || 1) * 0.08;
  return [low < 0 ? low - spare : 0, high + spare];
}

function whole(value: number): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value);
}

function bytes(value: number): string {
  const units: [number, string][] = [[1e15, 'PB'], [1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB']];
  for (const [scale, unit] of units) {
    if (Math.abs(value) >= scale) return `${Number((value / scale).toPrecision(3))} ${unit}`;
  }
  return value ? `${Math.round(value / 1e3)} KB` : '0';
}

function moneyText(value: number, code: 'usd' | 'krw'): string {
  return new Intl.NumberFormat(language, {
    style: 'currency',
    currency: code.toUpperCase(),
    currencyDisplay: 'narrowSymbol',
    notation: Math.abs(value) >= 10_000 ? 'compact' : 'standard',
    maximumFractionDigits: 0,
  }).format(value);
}

const day = (value: number): string => t('chartDay', { n: value });
const hour = (value: number): string => t('chartHour', { n: value });
const month = (value: number): string => t('chartMonth', { n: value });
