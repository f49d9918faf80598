import type { HttpRequest, HttpResponse, PreviousUpload } from 'tus-js-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Chunks, RETRY_DELAYS, SMALLEST_CHUNK, verdict } from '../src/upload/chunks';
import { Transfer, type Refusal, type Sending } from '../src/upload/transfer';

const CHUNK = 8_000_000;
const HANGS = -1;
const LOST = -2;

/** A server of uploads in memory. `answers` are given before its own, one for each request; null:
 * the connection breaks, 0: none of these, HANGS: none ever, LOST: it breaks after the request. */
class Station {
  readonly uploads: { offset: number; length: number; title: string }[] = [];
  readonly requests: string[] = [];
  readonly pieces: number[] = [];
  answers: (number | null)[] = [];
  /** Answers as a proxy does, without the fields of tus. */
  foreign = false;

  getName = (): string => 'station';

  createRequest = (method: string, url: string): HttpRequest => {
    const fields: Record<string, string> = {};
    return {
      getMethod: () => method,
      getURL: () => url,
      setHeader: (name, value) => (fields[name] = value),
      getHeader: (name) => fields[name],
      setProgressHandler: () => undefined,
      send: async (body: Blob | null) => this.answer(method, url, fields, body),
      abort: async () => undefined,
      getUnderlyingObject: () => null,
    };
  };

  private answer(method: string, url: string, fields: Record<string, string>, body: Blob | null): HttpResponse | Promise<never> {
    this.requests.push(method);
    if (method === 'PATCH') this.pieces.push(body?.size ?? 0);
    const forced = this.answers.shift();
    if (forced === null) throw new Error('the connection broke');
    if (forced === HANGS) return new Promise(() => undefined);
    if (forced && forced > 0) return response(forced, this.foreign ? {} : { 'Tus-Resumable': '1.0.0' });
    const own = this.serve(method, url, fields, body);
    if (forced === LOST) throw new Error('the connection broke');
    return own;
  }

  private serve(method: string, url: string, fields: Record<string, string>, body: Blob | null): HttpResponse {
    if (method === 'POST') {
      const title = /title (\S*?)(,|$)/.exec(fields['Upload-Metadata'] ?? '')?.[1] ?? '';
      this.uploads.push({
        offset: 0,
        length: Number(fields['Upload-Length']),
        title: atob(title),
      });
      return response(201, { Location: `https://tv.test/files/${this.uploads.length - 1}` });
    }
    const upload = this.uploads[Number(url.split('/').at(-1))];
    if (!upload) return response(404, { 'Tus-Resumable': '1.0.0' });
    upload.offset += body?.size ?? 0;
    return response(method === 'HEAD' ? 200 : 204, {
      'Upload-Offset': String(upload.offset),
      'Upload-Length': String(upload.length),
      'Madang-Video': 'Drum5atDusk1',
    });
  }
}

function response(status: number, fields: Record<string, string>): HttpResponse {
  return {
    getStatus: () => status,
    getHeader: (name) => fields[name],
    getBody: () => '',
    getUnderlyingObject: () => null,
  };
}

/** What the browser keeps. */
class Kept {
  readonly uploads = new Map<string, PreviousUpload>();
  findAllUploads = async (): Promise<PreviousUpload[]> => [...this.uploads.values()];
  findUploadsByFingerprint = async (print: string): Promise<PreviousUpload[]> =>
    [...this.uploads].filter(([key]) => key === print).map(([, upload]) => upload);
  removeUpload = async (key: string): Promise<void> => void this.uploads.delete(key);
  addUpload = async (print: string, upload: PreviousUpload): Promise<string> => {
    this.uploads.set(print, { ...upload, urlStorageKey: print });
    return print;
  };
}

const film = (bytes = 3 * CHUNK): File => new File([new Uint8Array(bytes)], 'drums.mp4', { lastModified: 1 });

describe('a file on its way', () => {
  let station: Station;
  let kept: Kept;
  let refused: Refusal[];
  let ended: [string, string][];
  let account: number | null;

  beforeEach(() => {
    vi.useFakeTimers();
    station = new Station();
    kept = new Kept();
    refused = [];
    ended = [];
    account = 1;
    vi.stubGlobal('fetch', async (url: string) => {
      const items = station.uploads.map(({ offset, length, title }, index) => ({
        ...{ offset, length, title, url: `/files/${index}`, channel: 'yard', filename: 'drums.mp4' },
      }));
      const answer = url === '/api/v1/me' ? { signed_in: true, id: account } : { items };
      return { ok: true, json: async () => answer };
    });
    vi.stubGlobal('location', { href: 'https://tv.test/studio/@yard/videos/upload' });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  const transfer = (more: Partial<Omit<Sending, 'chunk' | 'title'>> & { title?: string } = {}): Transfer =>
    new Transfer(
      {
        file: more.file ?? film(),
        channel: more.channel ?? 'yard',
        account: more.account ?? '1',
        replaces: more.replaces ?? '',
        chunk: CHUNK,
        title: () => more.title ?? 'Drums',
      },
      {
        progress: () => undefined,
        found: () => undefined,
        waiting: () => undefined,
        refused: (refusal) => refused.push(refusal),
        done: (video, title) => ended.push([video, title]),
      },
      { httpStack: station, urlStorage: kept },
    );

  /** Sends a first piece, and leaves the page. */
  const begin = async (): Promise<void> => {
    const first = transfer();
    station.answers = [0, 0, HANGS];
    await first.start();
    await vi.waitFor(() => expect(station.requests).toHaveLength(3));
    await first.pause();
    station.requests.length = station.pieces.length = 0;
    expect(station.uploads).toMatchObject([{ offset: CHUNK }]);
  };

  test.each([502, 503, 504, 500, 429, 423])('goes on where it stopped after HEAD answers %d', async (status) => {
    await begin();
    station.answers = [status, status, status];
    await transfer().start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([['Drum5atDusk1', 'Drums']]);
    expect(station.requests).toEqual(['HEAD', 'HEAD', 'HEAD', 'HEAD', 'PATCH', 'PATCH']);
    expect(station.uploads).toHaveLength(1);
  });

  test.each([401, 403, 400])('keeps its address when HEAD answers %d, and says so', async (status) => {
    await begin();
    station.answers = [status];
    const again = transfer();
    await again.start();
    await vi.waitFor(() => expect(refused).toEqual([{ status, body: '' }]));
    expect(station.requests).toEqual(['HEAD']);
    expect(kept.uploads.size).toBe(1);
    await again.start(); // signed in meanwhile
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    expect(station.uploads).toHaveLength(1);
  });

  test.each([404, 410])('begins anew after the station has forgotten it (%d)', async (status) => {
    await begin();
    station.answers = [status];
    await transfer().start();
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    expect(station.requests.slice(0, 2)).toEqual(['HEAD', 'POST']);
  });

  test('keeps its address while somebody else is signed in', async () => {
    await begin();
    account = 2;
    station.answers = [404];
    const again = transfer();
    await again.start();
    await vi.waitFor(() => expect(refused).toEqual(['other-account']));
    account = 1;
    await again.start();
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    expect([station.uploads.length, kept.uploads.size]).toEqual([1, 0]);
  });

  test('does not begin anew where a proxy knows nothing of it', async () => {
    await begin();
    station.foreign = true;
    station.answers = [404];
    await transfer().start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([ended.length, station.uploads.length]).toEqual([1, 1]);
  });

  test('belongs to its channel and its account', async () => {
    await begin();
    await transfer({ channel: 'river' }).start();
    await vi.waitFor(() => expect(station.uploads).toHaveLength(2));
    await transfer({ account: '2' }).start();
    await vi.waitFor(() => expect(station.uploads).toHaveLength(3));
  });

  test('belongs to the video whose file it replaces', async () => {
    await begin();
    await transfer({ replaces: 'Drum5atDusk7' }).start();
    await vi.waitFor(() => expect(station.uploads).toHaveLength(2));
  });

  test('is reserved once, however often the answer to its creation is lost', async () => {
    station.uploads.push({ offset: 0, length: 1, title: 'Another' });
    station.answers = [null, LOST, null];
    await transfer().start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([['Drum5atDusk1', 'Drums']]);
    expect(station.requests.slice(0, 4)).toEqual(['POST', 'POST', 'HEAD', 'HEAD']);
    expect(station.uploads).toHaveLength(2);
  });

  test('is sent by a browser that keeps nothing', async () => {
    kept.addUpload = async () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    await transfer().start();
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    expect(station.requests).toEqual(['POST', 'PATCH', 'PATCH', 'PATCH']);
  });

  test('tells by which title the station knows it', async () => {
    await begin();
    await transfer({ title: 'Duet' }).start();
    await vi.waitFor(() => expect(ended).toEqual([['Drum5atDusk1', 'Drums']]));
  });

  test('begins with the title of the moment', async () => {
    let title = 'Drums';
    const waits = new Transfer(
      { file: film(), channel: 'yard', account: '1', replaces: '', chunk: CHUNK, title: () => title },
      { progress: () => undefined, found: () => undefined, waiting: () => undefined, refused: () => undefined, done: () => undefined },
      { httpStack: station, urlStorage: kept },
    );
    title = 'Duet';
    await waits.start();
    await vi.waitFor(() => expect(station.uploads[0]?.title).toBe('Duet'));
  });

  test('is refused in words where the file has changed on the disk', async () => {
    const file = film();
    file.slice = () => {
      throw new DOMException('changed', 'NotReadableError');
    };
    await transfer({ file }).start();
    await vi.waitFor(() => expect(refused).toEqual(['unreadable']));
  });

  test('shrinks its pieces after a lost one, and grows them again', async () => {
    station.answers = [0, null];
    await transfer({ file: film(6 * CHUNK) }).start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(station.pieces.slice(0, 5)).toEqual([CHUNK, CHUNK / 2, CHUNK / 2, CHUNK, CHUNK]);
  });

  test('keeps the size of its pieces while the station is away', async () => {
    await begin();
    station.answers = [null, null, null];
    await transfer().start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(station.pieces).toEqual([CHUNK, CHUNK]);
  });
});

describe('after a failure', () => {
  test('pieces shrink where nobody says why', () => {
    expect(verdict('PATCH', null)).toBe('smaller');
    expect(verdict('PATCH', { status: 413, own: false })).toBe('smaller');
    expect(verdict('PATCH', { status: 408, own: false })).toBe('smaller');
    expect(verdict('HEAD', null)).toBe('again');
  });

  test('what passes is tried again, what the station refuses is not', () => {
    for (const status of [409, 423, 429, 500, 502, 503, 504]) expect(verdict('PATCH', { status, own: true })).toBe('again');
    for (const status of [400, 401, 403, 410, 413, 507]) expect(verdict('PATCH', { status, own: true })).toBe('stop');
  });

  test('it is tried for a day', () => {
    expect(RETRY_DELAYS.reduce((sum, delay) => sum + delay, 0)).toBeGreaterThan(24 * 3_600_000);
  });
});

describe('the size of pieces', () => {
  test('is never below a limit, nor above the largest', () => {
    const chunks = new Chunks(5_000_000);
    expect([chunks.failed(), chunks.failed()]).toEqual([SMALLEST_CHUNK, SMALLEST_CHUNK]);
    expect(new Chunks(1_000_000).failed()).toBe(1_000_000);
  });

  test('grows ever more slowly where larger pieces fail again and again', () => {
    const chunks = new Chunks(2 * SMALLEST_CHUNK);
    const needed: number[] = [];
    for (let round = 0; round < 3; round++) {
      chunks.failed();
      let passed = 0;
      while (chunks.size === SMALLEST_CHUNK) {
        chunks.passed();
        passed += 1;
      }
      needed.push(passed);
    }
    expect(needed).toEqual([2, 4, 8]);
  });
});
