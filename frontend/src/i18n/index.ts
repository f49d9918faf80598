import { en, type Dictionary, type Key } from './en';
import { ko } from './ko';

export type { Key };

const dictionaries: Readonly<Record<'en' | 'ko', Dictionary>> = { en, ko };

/** Fills `{name}` marks; a mark without a value stays visible, so that tests and eyes catch it. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (mark, name: string) => String(values[name] ?? mark));
}

const pageLanguage = globalThis.document?.documentElement.lang ?? 'en';

export const language: 'en' | 'ko' = pageLanguage.startsWith('ko') ? 'ko' : 'en';

/** A string in the language of the page. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  return fill(dictionaries[language][key], values);
}
