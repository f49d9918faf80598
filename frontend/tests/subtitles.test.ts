import { describe, expect, it } from 'vitest';
import { choose } from '../src/player/subtitles';

describe('the subtitles that are shown', () => {
  const languages = ['en', 'zh-Hant', 'ko'];

  it('are those of the page until somebody chooses', () => {
    expect(choose(languages, null, 'ko')).toBe(2);
    expect(choose(languages, null, 'fr')).toBe(-1);
    expect(choose([], null, 'ko')).toBe(-1);
  });

  it('are those that were chosen last, or none', () => {
    expect(choose(languages, 'en', 'ko')).toBe(0);
    expect(choose(languages, 'off', 'ko')).toBe(-1);
  });

  it('are those of the page where a video has none in the chosen language', () => {
    expect(choose(languages, 'fr', 'ko')).toBe(2);
    expect(choose(languages, 'zh-Hans', 'ko')).toBe(1);
  });
});
