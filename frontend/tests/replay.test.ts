import { describe, expect, it } from 'vitest';
import { parseReplay, type ReplayPart } from '../src/chat/protocol';
import { Transcript, WINDOW } from '../src/chat/transcript';
import { dateAt, firstUri, positionAt, segmentsOf } from '../src/player/timeline';

const MINUTE = WINDOW;

/** A chat as the station has it: the answer for the window that begins at a time. */
function chat(...times: number[]): (at: number, version?: string) => ReplayPart {
  return (at, version = '0-') => ({
    messages: times
      .filter((time) => time >= at && time < at + WINDOW)
      .map((time) => ({
        id: `m${time}`,
        at: time,
        by: { id: 'u1', name: 'minji', role: 'member', hue: 0 },
        text: '',
        replyTo: null,
        nonce: null,
        restored: false,
      })),
    previous: times.filter((time) => time < at).at(-1) ?? null,
    next: times.find((time) => time >= at + WINDOW) ?? null,
    version,
  });
}

const times = (transcript: Transcript, date: number, since = 0): number[] =>
  transcript.between(since, date).map(({ message }) => message.at);

/** Loads all that a picture of `date` needs; returns the windows that were asked for. */
function follow(transcript: Transcript, answer: ReturnType<typeof chat>, date: number): number[] {
  const asked: number[] = [];
  for (let at = transcript.wanted(date); at !== null; at = transcript.wanted(date)) {
    asked.push(at);
    transcript.take(at, answer(at));
  }
  return asked;
}

describe('the chat of a show', () => {
  const start = 100 * MINUTE;
  const said = [start + 1_000, start + 2_000, start + 50_000, start + 10 * MINUTE + 5_000];
  const answer = chat(...said);

  it('shows what was said until the picture', () => {
    const transcript = new Transcript();
    expect(follow(transcript, answer, start + 1_500)).toEqual([start]);
    expect(times(transcript, start + 1_500)).toEqual(said.slice(0, 1));
    expect(times(transcript, start + 2_000)).toEqual(said.slice(0, 2));
    expect(times(transcript, start + 2_000, start + 1_500)).toEqual(said.slice(1, 2)); // trimmed
  });

  it('asks for no minute in which nobody said anything', () => {
    const transcript = new Transcript();
    follow(transcript, answer, start);
    expect(follow(transcript, answer, start + 5 * MINUTE)).toEqual([]);
    expect(times(transcript, start + 5 * MINUTE)).toEqual(said.slice(0, 3));
    // In good time before it is due.
    expect(follow(transcript, answer, start + 10 * MINUTE - 10_000)).toEqual([start + 10 * MINUTE]);
    expect(follow(transcript, answer, start + 50 * MINUTE)).toEqual([]);
    expect(transcript.earlier).toBeNull();
  });

  it('goes back from where the reader came in', () => {
    const transcript = new Transcript();
    expect(follow(transcript, answer, start + 10 * MINUTE + 6_000)).toEqual([start + 10 * MINUTE]);
    expect(times(transcript, Infinity)).toEqual(said.slice(3));
    expect(transcript.earlier).toBe(start);
    transcript.take(start, answer(start));
    expect(times(transcript, Infinity)).toEqual(said);
    expect(transcript.earlier).toBeNull();
    expect(follow(transcript, answer, start + 1_000)).toEqual([]);
    expect(times(transcript, start + 1_000)).toEqual(said.slice(0, 1));
  });

  it('begins anew elsewhere, where what lies between is not known', () => {
    const long = chat(...Array.from({ length: 20 }, (_, minute) => start + minute * MINUTE));
    const transcript = new Transcript();
    follow(transcript, long, start);
    expect(follow(transcript, long, start + 10 * MINUTE)).toEqual([start + 10 * MINUTE]);
    expect(times(transcript, Infinity)).toEqual([start + 10 * MINUTE]);
    expect(transcript.earlier).toBe(start + 9 * MINUTE);
  });

  it('loads what may have lost a message once more, and no more often', () => {
    const transcript = new Transcript();
    transcript.take(start + 10 * MINUTE, answer(start + 10 * MINUTE));
    transcript.take(start, answer(start));
    expect(transcript.stale).toEqual([]);
    const without = chat(said[0]!, said[2]!, said[3]!);
    transcript.take(start + 10 * MINUTE, without(start + 10 * MINUTE, '1-a'), true);
    expect(transcript.stale).toEqual([start]);
    transcript.take(start, answer(start)); // out of a cache that is late
    expect(transcript.stale).toEqual([start]);
    transcript.take(start, without(start, '1-a'));
    expect(transcript.stale).toEqual([]);
    expect(times(transcript, Infinity)).toEqual([said[0], said[2], said[3]]);
  });

  it('forgets the beginning of a long evening, and finds it again', () => {
    const busy = chat(...Array.from({ length: 10_000 }, (_, index) => start + index * 100));
    const transcript = new Transcript();
    for (let minute = 0; minute < 10; minute += 1) {
      follow(transcript, busy, start + minute * MINUTE);
      transcript.trim(start + minute * MINUTE);
    }
    expect(times(transcript, Infinity).length).toBeLessThan(4_000);
    expect(times(transcript, Infinity)[0]).toBe(transcript.earlier! + MINUTE);
    expect(transcript.wanted(start)).toBe(start);
  });
});

describe('the place of a message', () => {
  /** Two seconds each, and a reconnection of ten seconds behind the second. */
  const segments = [1_000, 1_002, 1_014].map((date, index) => ({
    start: index * 2,
    duration: 2,
    programDateTime: date * 1_000,
  }));

  it('is the picture of its date, also behind a gap', () => {
    const at = (position: number): number | null => dateAt(segments, position);
    expect([at(0), at(3.5), at(4), at(5)]).toEqual([1_000, 1_003.5, 1_014, 1_015]);
    expect([at(-1), at(9)]).toEqual([1_000, 1_016]);
    expect(dateAt([], 1)).toBeNull();
    for (const position of [0, 1, 3.5, 4, 5.5]) {
      expect(positionAt(segments, at(position)!, 6)).toBe(position);
    }
    // What was said while the connection was broken comes with the first picture behind it.
    expect(positionAt(segments, 1_009, 6)).toBe(4);
    expect(at(3.99)! < 1_009 && 1_009 < at(4)!).toBe(true);
  });

  it('is read out of a playlist where the browser does not tell it', () => {
    const playlist = `#EXTM3U
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T19:00:00.000Z
#EXTINF:2,
#EXT-X-BYTERANGE:9@0
1.mp4?1
#EXTINF:1.5,
1.mp4?0
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T19:00:10.000Z
#EXTINF:2,
2.mp4
#EXT-X-ENDLIST
`;
    const began = Date.UTC(2026, 4, 1, 19);
    expect(segmentsOf(playlist)).toEqual([
      { start: 0, duration: 2, programDateTime: began },
      { start: 2, duration: 1.5, programDateTime: began + 2_000 },
      { start: 3.5, duration: 2, programDateTime: began + 10_000 },
    ]);
    expect(firstUri('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nsource/media.m3u8\n')).toBe(
      'source/media.m3u8',
    );
  });

  it('is the same in a video that was trimmed', () => {
    const trimmed = segments.slice(1).map((each) => ({ ...each, start: each.start - 2 }));
    expect(positionAt(trimmed, 1_015, 4)).toBe(3);
    expect(dateAt(trimmed, 0)).toBe(1_002);
  });
});

describe('an answer of the station', () => {
  it('is read', () => {
    const read = parseReplay({
      items: [{ id: 'a', at: '2026-05-01T19:00:00Z', name: 'ada', role: 'owner', text: 'hi' }],
      next_cursor: 'c',
      previous_at: null,
      next_at: '2026-05-01T19:05:00Z',
      version: '3-f',
    });
    expect(read.messages[0]).toMatchObject({ id: 'a', at: Date.UTC(2026, 4, 1, 19), text: 'hi' });
    expect([read.cursor, read.previous, read.next, read.version]).toEqual([
      'c',
      null,
      Date.UTC(2026, 4, 1, 19, 5),
      '3-f',
    ]);
  });
});
