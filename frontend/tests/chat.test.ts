import { describe, expect, it } from 'vitest';
import { Layout } from '../src/chat/layout';
import { mentions, onlyEmotes, pieces } from '../src/chat/text';

const none = new Set<string>();

describe('the text of a message', () => {
  it.each([
    ['see https://a.kr/x.', 'https://a.kr/x', 'a.kr/x'],
    ['(https://ko.wikipedia.org/wiki/A_(B))', 'https://ko.wikipedia.org/wiki/A_(B)', 'ko.wikipedia.org/wiki/A_(B)'],
    ['HTTP is http://www.a.kr/', 'http://www.a.kr/', 'a.kr'],
  ])('%s has a link', (text, href, shown) => {
    expect(pieces(text, none)).toContainEqual({ kind: 'link', href, text: shown });
  });

  it('never makes a link of a script', () => {
    const found = pieces('javascript:alert(1) data:text/html,x https://', none);
    expect(found.every(({ kind }) => kind === 'text')).toBe(true);
  });

  it('keeps every sign of what is written', () => {
    const text = 'a :wave: b @민지, c :no: d@e.kr';
    const found = pieces(text, new Set(['wave']));
    expect(found.map((piece) => piece.text).join('')).toBe(text);
    expect(found.map(({ kind }) => kind)).toEqual(['text', 'emote', 'text', 'mention', 'text']);
  });

  it('finds an emote after a colon that begins none', () => {
    const found = pieces('so:that:wave:', new Set(['wave']));
    expect(found.at(-1)).toEqual({ kind: 'emote', text: ':wave:', name: 'wave' });
  });

  it('knows whom a mention calls', () => {
    expect(mentions('@Minji 안녕', 'minji')).toBe(true);
    expect(mentions('안녕 @민지.', '민지')).toBe(true);
    expect(mentions('@minjis', 'minji')).toBe(false);
    expect(mentions('mail@minji.kr', 'minji')).toBe(false);
    expect(mentions('@', '')).toBe(false);
    expect(mentions('@राहुल नमस्ते', 'राहुल')).toBe(true);
    expect(mentions('سلام @مهدی\u200cنیا', 'مهدی\u200cنیا')).toBe(true);
  });

  it('tells a few emotes from words', () => {
    const emotes = new Set(['wave']);
    expect(onlyEmotes(pieces(':wave: :wave:', emotes))).toBe(true);
    expect(onlyEmotes(pieces(':wave: hi', emotes))).toBe(false);
    expect(onlyEmotes(pieces('hi', emotes))).toBe(false);
  });
});

describe('the layout of rows', () => {
  it('knows the top of each row, measured or not', () => {
    const layout = new Layout<string>(() => 20);
    layout.setKeys(['a', 'b', 'c']);
    expect(layout.total).toBe(60);
    expect(layout.measured('b', 50)).toBe(true);
    expect(layout.measured('b', 50)).toBe(false);
    expect([0, 1, 2, 3].map((index) => layout.top(index))).toEqual([0, 20, 70, 90]);
    expect([0, 19, 20, 69, 70, 500].map((y) => layout.at(y))).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('draws only what a window shows, however many there are', () => {
    const layout = new Layout<number>(() => 20);
    layout.setKeys(Array.from({ length: 10_000 }, (_, index) => index));
    expect(layout.range(0, 600, 100)).toEqual({ from: 0, to: 36 });
    const { from, to } = layout.range(100_000, 600, 100);
    expect(to - from).toBeLessThan(50);
    expect(layout.range(200_000, 600, 100).to).toBe(10_000);
  });

  it('remembers heights of rows that stay when others go', () => {
    const layout = new Layout<string>(() => 20);
    layout.setKeys(['a', 'b', 'c']);
    layout.measured('c', 40);
    layout.setKeys(['b', 'c', 'd']);
    expect(layout.top(2)).toBe(60);
    expect(layout.indexOf('a')).toBe(-1);
    layout.setKeys([]);
    expect(layout.range(0, 100, 10)).toEqual({ from: 0, to: 0 });
    expect(layout.total).toBe(0);
  });
});
