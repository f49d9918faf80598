import { find, findAll, need } from '../lib/dom';
import type { Answer } from './types';

type Field = HTMLInputElement | HTMLSelectElement;

/** The sliders and choices: what they ask, and what the address says they ask. */
export class PlanForm {
  /** What the person, or the address, has asked for; the rest follows by itself. */
  readonly #touched = new Set<string>();

  constructor(
    private readonly form: HTMLFormElement,
    private readonly defaults: Readonly<Record<string, string | number>>,
    changed: () => void,
  ) {
    for (const [name] of new URLSearchParams(location.search)) {
      if (name in defaults) this.#touched.add(name);
    }
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', (event) => {
      const target = event.target as Field;
      const slid = target.dataset['range'];
      const name = slid ?? target.name;
      if (slid) this.#field(slid).value = target.value;
      else this.#slide(name);
      this.#touched.add(name);
      this.#showEdges();
      changed();
    });
  }

  /** The query that asks for what the form shows. */
  query(): URLSearchParams {
    const query = new URLSearchParams();
    for (const name of Object.keys(this.defaults)) {
      if (!this.#touched.has(name)) continue;
      if (name === 'edges' && find('[data-edges]', this.form)?.hidden) continue;
      const value = this.#asked(name);
      if (value !== '') query.set(name, value);
    }
    return query;
  }

  /** Follows an answer: what nobody touched may have moved with what somebody did. */
  follow(answer: Answer): void {
    for (const [name, value] of Object.entries(answer.demand)) {
      if (!this.#touched.has(name)) this.#set(name, value);
    }
  }

  /** Tries a piece of advice. */
  apply(change: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(change)) {
      this.#touched.add(name);
      this.#set(name, name === 'bitrate' || Number.isNaN(Number(value)) ? value : Number(value));
    }
  }

  reset(): void {
    this.#touched.clear();
    for (const [name, value] of Object.entries(this.defaults)) this.#set(name, value);
    this.#showEdges();
  }

  #field(name: string): Field {
    return need<Field>(`[name="${name}"]${name === 'shape' ? ':checked' : ''}`, this.form);
  }

  #asked(name: string): string {
    const field = this.#field(name);
    const scale = Number(field.dataset['scale'] ?? 1);
    if (scale === 1 || field.value === '') return field.value;
    // Rounding takes away what a product of decimal fractions adds.
    return String(Number((Number(field.value) * scale).toPrecision(12)));
  }

  #set(name: string, value: string | number): void {
    if (name === 'shape') {
      need<HTMLInputElement>(`[name=shape][value="${CSS.escape(String(value))}"]`, this.form).checked = true;
      return;
    }
    const field = this.#field(name);
    if (field instanceof HTMLSelectElement) {
      const text = String(value);
      if (![...field.options].some((option) => option.value === text)) field.add(new Option(text, text));
      field.value = text;
      return;
    }
    const scale = Number(field.dataset['scale'] ?? 1);
    field.value = String(Number((Number(value) / scale).toPrecision(9)));
    this.#slide(name);
  }

  #slide(name: string): void {
    const range = find<HTMLInputElement>(`[data-range="${name}"]`, this.form);
    if (range) range.value = this.#field(name).value;
  }

  #showEdges(): void {
    const grows = this.#field('shape').hasAttribute('data-grows');
    need('[data-edges]', this.form).hidden = !grows;
  }
}

/** Marks how much of each slider is filled, which CSS cannot know. */
export function fillSliders(form: HTMLElement): void {
  for (const range of findAll<HTMLInputElement>('input[type=range]', form)) {
    const share = (Number(range.value) - Number(range.min)) / (Number(range.max) - Number(range.min));
    range.style.setProperty('--filled', `${Math.min(100, Math.max(0, share * 100))}%`);
  }
}
