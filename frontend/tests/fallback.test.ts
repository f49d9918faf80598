import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fallback } from '../src/chat/fallback';
import { Room } from '../src/chat/model';
import { parseEvent, type Message, type RoomEvent } from '../src/chat/protocol';

const AT = Date.parse('2026-05-01T10:00:00Z');

function raw(id: number, at = AT): Record<string, unknown> {
  return { id: `m${id}`, at: new Date(at).toISOString(), name: 'ada', person: 'g1', text: `text ${id}` };
}

function parsed(...of: object[]): Message[] {
  const event = parseEvent('messages', of);
  return event?.type === 'messages' ? event.messages : [];
}

const CLOSED = { state: 'closed', retryAt: 1, refusal: null } as const;
const refused = (retryAfter: number | null) =>
  ({ state: 'closed', retryAt: null, refusal: { code: 'x', message: 'No.', retryAfter } }) as const;

describe('reading without a connection', () => {
  const chat = { mode: { slow: 30, links: 'all' }, emotes: [], pinned: null };
  let asked: string[];
  let works: boolean;
  let heard: RoomEvent[];
  let texts: string[];
  let fallback: Fallback;

  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    works = true;
    heard = [];
    texts = [];
    const document = { hidden: false, addEventListener: vi.fn(), removeEventListener: vi.fn() };
    vi.stubGlobal('document', document);
    vi.stubGlobal('fetch', async (url: string) => {
      asked.push(url);
      return { ok: works, status: 503, json: async () => (url.endsWith('recent') ? [raw(1)] : chat) };
    });
    fallback = new Fallback({
      slug: () => 'yard',
      event: (event) => heard.push(event),
      messages: (messages) => texts.push(...messages.map(({ text }) => text)),
      changed: () => undefined,
    });
  });

  afterEach(() => {
    fallback.stop();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('begins within 20 s, however often connecting fails, and asks every few seconds', async () => {
    for (let second = 0; second < 20; second += 2) {
      fallback.linked({ state: 'connecting' });
      fallback.linked(CLOSED);
      await vi.advanceTimersByTimeAsync(2_000);
    }
    expect(fallback.active).toBe(true);
    expect(texts.length).toBeGreaterThanOrEqual(2);
    expect(heard.map(({ type }) => type)).toEqual(['mode', 'emotes', 'pin']);
    expect(asked.filter((url) => url === '/api/v1/channels/yard/chat')).toHaveLength(1);
  });

  it('does not begin for a break of a moment, and ends when there is a connection', async () => {
    fallback.linked(CLOSED);
    await vi.advanceTimersByTimeAsync(3_000);
    fallback.linked({ state: 'open' });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toEqual([]);
    fallback.linked(CLOSED);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(fallback.active).toBe(true);
    fallback.linked({ state: 'open' });
    expect(fallback.active).toBe(false);
    const before = asked.length;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toHaveLength(before);
  });

  it('begins at once above a limit, and never for whoever is banned', async () => {
    fallback.linked(refused(30));
    await vi.advanceTimersByTimeAsync(100);
    expect(fallback.active).toBe(true);
    fallback.linked(refused(null));
    expect(fallback.active).toBe(false);
  });

  it('does not say that it reads while the station does not answer', async () => {
    works = false;
    fallback.linked(CLOSED);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(fallback.active).toBe(false);
    works = true;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(fallback.active).toBe(true);
  });
});

describe('what the API tells', () => {
  const shown = (room: Room): string[] =>
    room.rows.map((row) => (row.kind === 'message' ? row.message.id : row.text));

  it('is added once, and what was deleted goes', () => {
    const room = new Room();
    room.receive(parsed(raw(1), raw(2), raw(3)));
    room.polled(parsed(raw(1), raw(3), raw(4, AT + 60_000)));
    room.polled(parsed(raw(3), raw(4, AT + 60_000)));
    expect(shown(room)).toEqual(['m1', 'm3', 'm4']);
    expect(room.since).toBe('m4');
  });

  it('lacks nothing but what had time to be written', () => {
    const room = new Room();
    room.receive(parsed(raw(1), raw(2, AT + 59_000), raw(3, AT + 60_000)));
    room.polled(parsed(raw(1), raw(3, AT + 60_000)));
    expect(shown(room)).toEqual(['m1', 'm2', 'm3']);
  });
});
