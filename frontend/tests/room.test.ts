import { describe, expect, it } from 'vitest';
import { KEPT, Room } from '../src/chat/model';
import { parseEvent, type Message, type RoomEvent } from '../src/chat/protocol';
import { flights } from '../src/chat/reactions';
import { commandsFor, complete, completionAt } from '../src/chat/suggest';
import { waitWords } from '../src/chat/composer';

type Of<T extends RoomEvent['type']> = Extract<RoomEvent, { type: T }>;

function event<T extends RoomEvent['type']>(name: T, value: unknown): Of<T> {
  const parsed = parseEvent(name, value);
  if (parsed?.type !== name) throw new Error(`no ${name}`);
  return parsed as Of<T>;
}

const ME = { person: 'me', name: 'minji', role: 'guest', hue: 20, may_write: true };
const raw = (id: number, more: object = {}) => ({
  id: String(id).padStart(8, '0'),
  at: '2026-05-01T10:00:00Z',
  name: 'ada',
  person: 'ada',
  role: 'owner',
  hue: 200,
  text: `text ${id}`,
  ...more,
});
const messages = (...values: object[]): Message[] => event('messages', values).messages;

function room(more: object = {}, mode: object = {}): Room {
  const made = new Room();
  made.welcome(
    event('welcome', { me: { ...ME, ...more }, mode, recovered: false, gap: false }).welcome,
  );
  return made;
}

const texts = (of: Room): string[] =>
  of.rows.map((row) => (row.kind === 'notice' ? row.text : row.message.text));

describe('a room', () => {
  it('has each message once, in the order in which they were sent', () => {
    const of = room();
    of.receive(messages(raw(1), raw(2)));
    expect(of.receive(messages(raw(2), raw(3))).map(({ key }) => key)).toEqual(['00000003']);
    expect(texts(of)).toEqual(['text 1', 'text 2', 'text 3']);
    expect(of.since).toBe('00000003');
  });

  it('goes on after a recovery, and begins anew without one', () => {
    const of = room();
    of.receive(messages(raw(1)));
    of.welcome(event('welcome', { me: ME, mode: {}, recovered: true, gap: false }).welcome);
    of.receive(messages(raw(1), raw(2)));
    expect(texts(of)).toEqual(['text 1', 'text 2']);
    of.welcome(event('welcome', { me: ME, mode: {}, recovered: true, gap: true }).welcome);
    expect(texts(of)).toEqual([]);
    of.receive(messages(raw(1), raw(9)));
    expect(texts(of)).toEqual(['text 1', 'text 9']);
  });

  it('shows what one sends at once, and once', () => {
    const of = room();
    of.send('n1', 'hello', null, 0);
    of.receive(messages(raw(1)));
    expect(texts(of)).toEqual(['text 1', 'hello']);
    of.accepted('n1', '00000002');
    of.receive(messages(raw(2, { person: 'me', name: 'minji', text: 'hello', nonce: 'n1' })));
    expect(texts(of)).toEqual(['text 1', 'hello']);
    expect(of.rows.at(-1)).toMatchObject({ key: 'n1', state: 'sent', own: true });
  });

  it('may hear its own message before the answer to it', () => {
    const of = room();
    of.send('n1', 'hello', null, 0);
    of.receive(messages(raw(2, { person: 'me', name: 'minji', text: 'hello', nonce: 'n1' })));
    of.accepted('n1', '00000002');
    expect(of.rows).toHaveLength(1);
    expect(of.sending()).toEqual([]);
  });

  it('keeps a refused message until it is sent again or discarded', () => {
    const of = room();
    of.send('n1', 'hello', null, 0);
    of.refused('n1', 'No.', 5_000);
    expect(of.rows[0]).toMatchObject({ state: 'failed', error: 'No.' });
    expect(of.secondsToWait(1_000)).toBe(4);
    expect(of.retry('n1', 6_000)?.message.text).toBe('hello');
    expect(of.sending()).toHaveLength(1);
    of.refused('n1', 'No.');
    of.discard('n1');
    expect(of.rows).toEqual([]);
  });

  it('loses what a moderator deletes, and gets it back in its place', () => {
    const of = room();
    of.receive(messages(raw(1), raw(2), raw(3)));
    of.remove(['00000002']);
    expect(texts(of)).toEqual(['text 1', 'text 3']);
    of.receive(messages(raw(2, { restored: true })));
    expect(texts(of)).toEqual(['text 1', 'text 2', 'text 3']);
    expect(of.since).toBe('00000003');
  });

  it('loses every message of a person, and what of theirs was pinned', () => {
    const of = room();
    of.receive(messages(raw(1), raw(2, { person: 'bo' }), raw(3)));
    of.pinned = messages(raw(2, { person: 'bo' }))[0] ?? null;
    of.send('n1', 'on its way', null, 0);
    of.clear('bo');
    expect(texts(of)).toEqual(['text 1', 'text 3', 'on its way']);
    expect(of.pinned).toBeNull();
    of.clear(null);
    expect(texts(of)).toEqual(['on its way']);
  });

  it('counts what came while one looked elsewhere', () => {
    const of = room();
    of.follow(false);
    of.receive(messages(raw(1), raw(2), raw(3, { person: 'me', name: 'minji' })));
    expect(of.unread).toBe(2);
    of.follow(true);
    expect(of.unread).toBe(0);
  });

  it('notices when one is meant', () => {
    const of = room();
    const reply_to = { id: 'x', name: 'minji', text: '…' };
    const added = of.receive(messages(raw(1, { text: '@Minji hi' }), raw(2, { reply_to }), raw(3)));
    expect(added.map(({ mentioned }) => mentioned)).toEqual([true, true, false]);
  });

  it('tells two guests behind one address apart by their names', () => {
    const of = room();
    const [row] = of.receive(messages(raw(1, { person: 'me', name: 'river', text: '@minji' })));
    expect(row).toMatchObject({ own: false, mentioned: true });
  });

  it('makes everybody but moderators wait in slow mode', () => {
    const of = room({}, { slow: 10 });
    expect(of.secondsToWait(0)).toBe(0);
    of.send('n1', 'hello', null, 1_000);
    expect(of.secondsToWait(1_001)).toBe(10);
    expect(of.secondsToWait(11_000)).toBe(0);
    const moderator = room({ may_moderate: true }, { slow: 10 });
    moderator.send('n1', 'hello', null, 1_000);
    expect(moderator.secondsToWait(1_001)).toBe(0);
  });

  it('counts a time-out down', () => {
    const until = '1970-01-01T00:01:00Z';
    expect(room({ reason: 'timed_out', until }).secondsToWait(30_500)).toBe(30);
  });

  it('forgets the oldest rather than growing without end', () => {
    const of = room();
    for (let from = 0; from < 11_000; from += 500) {
      of.receive(messages(...Array.from({ length: 500 }, (_, n) => raw(from + n))));
    }
    expect(of.rows.length).toBeLessThanOrEqual(KEPT + 500);
    expect(of.rows.length).toBeGreaterThanOrEqual(KEPT);
    expect(texts(of).at(-1)).toBe('text 10999');
  });

  it('knows who is banned, and whose time-out has not ended by itself', () => {
    const of = room({ may_moderate: true });
    const bo = { person: 'bo', name: 'bo', kind: 'ban' };
    const ada = { person: 'ada', name: 'ada', kind: 'timeout', until: '2026-05-01T10:01:00Z' };
    const told = (all: boolean, ...people: object[]): string[] => {
      of.sanctioned(event('sanctions', { people, all }).sanctions);
      return of.sanctions(Date.parse('2026-05-01T10:00:00Z')).map(({ id }) => id);
    };
    expect(told(true, bo)).toEqual(['bo']);
    expect(told(false, ada)).toEqual(['ada', 'bo']);
    expect(of.sanctions(Date.parse('2026-05-01T10:02:00Z')).map(({ id }) => id)).toEqual(['bo']);
    expect(told(false, { ...bo, kind: 'none' })).toEqual(['ada']);
    expect(told(true)).toEqual([]);
  });

  it('knows whom the ban of an address keeps out', () => {
    const of = room({ may_moderate: true });
    const people = [
      { person: 'g0011', name: 'ada', kind: 'ban', address: true },
      { person: 'g2233x', name: 'bo', kind: 'ban' },
    ];
    of.sanctioned(event('sanctions', { people, all: true }).sanctions);
    const names = ['g0011x', 'g0011y', 'g2233x', 'g2233y', 'u1'].map((id) => of.sanctionOn(id, 0)?.name);
    expect(names).toEqual(['ada', 'ada', 'bo', undefined, undefined]);
  });

  it('knows who spoke lately', () => {
    const of = room();
    of.receive(messages(raw(1, { name: 'Ada' }), raw(2, { name: 'adam' }), raw(3, { name: 'bo' })));
    expect(of.names('ad', 5)).toEqual(['adam', 'Ada']);
    expect(of.names('', 1)).toEqual(['bo']);
  });
});

describe('events of the server', () => {
  it('are read with care', () => {
    expect(parseEvent('something_new', {})).toBeNull();
    expect(() => parseEvent('messages', ['text'])).toThrow(TypeError);
    expect(event('pin', { message: null }).message).toBeNull();
    expect(event('clear', {}).person).toBeNull();
    expect(event('reactions', { '❤️': 3 }).counts).toEqual([['❤️', 3]]);
    expect(event('presence', { connected: 9, people: 7, viewers: null }).presence).toEqual({
      people: 7,
      viewers: null,
    });
  });
});

describe('completion', () => {
  it('knows commands, people and emotes by how they begin', () => {
    expect(completionAt('/ti', 3)).toMatchObject({ kind: 'command', typed: 'ti' });
    expect(completionAt('hi @민', 5)).toMatchObject({ kind: 'mention', from: 3, typed: '민' });
    expect(completionAt('hi :wa', 6)).toMatchObject({ kind: 'emote', from: 3, typed: 'wa' });
    expect(completionAt('12:30', 5)).toBeNull();
    expect(completionAt('a@b', 3)).toBeNull();
    expect(completionAt('/timeout @a', 11)).toMatchObject({ kind: 'mention' });
  });

  it('puts the whole word in the place of its beginning', () => {
    const at = completionAt('hi @mi there', 6);
    expect(at && complete('hi @mi there', at, '@minji')).toEqual({
      text: 'hi @minji there',
      caret: 9,
    });
  });

  it('offers commands to moderators only', () => {
    expect(commandsFor('tim', true).map(({ name }) => name)).toEqual(['timeout']);
    expect(commandsFor('tim', false)).toEqual([]);
  });
});

describe('waiting and reacting', () => {
  it.each([
    [9, '9 s'],
    [65, '1:05'],
    [3_725, '1:02:05'],
  ])('%d seconds are %s', (seconds, words) => {
    expect(waitWords(seconds)).toBe(words);
  });

  it('is a few pictures, however many people react', () => {
    expect(flights(1)).toBe(1);
    expect(flights(100_000)).toBe(5);
  });
});
