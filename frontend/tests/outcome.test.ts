import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { OFTEN, Outcomes, SELDOM, rename, type Outcome } from '../src/upload/outcome';

const states = new Map<string, string>();
let asked: string[];
let at: number[];
let page: { hidden: boolean; cookie: string; addEventListener: () => void; removeEventListener: () => void };

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  at = [];
  states.clear();
  page = { hidden: false, cookie: 'a=b; csrftoken=t0ken', addEventListener: vi.fn(), removeEventListener: vi.fn() };
  vi.stubGlobal('document', page);
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url);
    at.push(Date.now());
    const ids = [...url.matchAll(/id=(\w+)/g)].map(([, id]) => id ?? '');
    const items = ids.map((id) => ({ id, state: states.get(id) ?? 'queued', words: `about ${id}`, progress: 0.5 }));
    return { ok: true, json: async () => ({ items }) };
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test('all videos are asked about at once, until each has come to something', async () => {
  const outcomes = new Outcomes('/progress');
  const heard: Record<string, Outcome[]> = { a: [], b: [] };
  outcomes.follow('a', (outcome) => heard['a']?.push(outcome));
  outcomes.follow('b', (outcome) => heard['b']?.push(outcome));
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toEqual(['/progress?id=a&id=b']);
  expect(heard['b']).toEqual([{ state: 'queued', words: 'about b', progress: 0.5 }]);
  states.set('a', 'ready');
  await vi.advanceTimersByTimeAsync(2 * OFTEN);
  states.set('b', 'failed');
  await vi.advanceTimersByTimeAsync(2 * SELDOM);
  expect(asked.at(-1)).toBe('/progress?id=b');
  expect([heard['a']?.at(-1)?.state, heard['b']?.at(-1)?.state]).toEqual(['ready', 'failed']);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(10 * SELDOM);
  expect(asked.length).toBe(before);
  outcomes.follow('c', () => undefined); // the next file arrives
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.at(-1)).toBe('/progress?id=c');
});

test('where nothing changes it is asked ever more seldom, and never in a hidden tab', async () => {
  new Outcomes('/progress').follow('a', () => undefined);
  await vi.advanceTimersByTimeAsync(20 * SELDOM);
  const waits = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  expect(waits[0]).toBeLessThan(2 * OFTEN);
  expect(waits.at(-1)).toBe(SELDOM);
  states.set('a', 'processing');
  await vi.advanceTimersByTimeAsync(SELDOM);
  expect(asked.length).toBe(at.length);
  page.hidden = true;
  await vi.advanceTimersByTimeAsync(SELDOM);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(20 * SELDOM);
  expect(asked.length).toBe(before);
});

test('a title is changed by the API, with the token of the page', async () => {
  const calls: [string, RequestInit][] = [];
  vi.stubGlobal('fetch', async (url: string, options: RequestInit) => {
    calls.push([url, options]);
    return { ok: calls.length === 1, json: async () => ({}) };
  });
  await rename('Drum5atDusk1', 'Duet');
  const [url, options] = calls[0] ?? [];
  expect([url, options?.method, options?.body]).toEqual(['/api/v1/videos/Drum5atDusk1', 'PATCH', '{"title":"Duet"}']);
  expect(options?.headers).toMatchObject({ 'X-CSRFToken': 't0ken' });
  await expect(rename('Drum5atDusk1', 'Duet')).rejects.toThrow();
});
