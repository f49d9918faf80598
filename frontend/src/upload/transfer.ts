import { Upload, defaultOptions, type DetailedError, type HttpResponse, type UploadOptions, type UrlStorage } from 'tus-js-client';

import { fetchJson } from '../lib/poll';
import { fields, list, string } from '../lib/status';
import { Chunks, RETRY_DELAYS, Speed, forgotten, verdict, type Answer } from './chunks';
import { remove } from './remove';

/** `account` is the id of who sends it, `title` what it is called at the moment. */
export interface Sending {
  file: File;
  channel: string;
  account: string;
  /** Id of the video whose file it replaces; empty for a new one. */
  replaces: string;
  /** Bytes of the largest piece. */
  chunk: number;
  title: () => string;
}

/** Why it stopped: the answer (status null: none came), a file that cannot be read any more, or
 * somebody else who is signed in. */
export type Refusal = { status: number | null; body: string } | 'unreadable' | 'other-account';

export interface Listener {
  progress(sent: number, total: number, rate: number | null): void;
  /** The station has it at this address. */
  found(url: string): void;
  /** The connection broke; the next attempt comes by itself. */
  waiting(): void;
  refused(refusal: Refusal): void;
  /** `title` is the one that the station knows. */
  done(videoId: string, title: string): void;
}

/** One file on its way. It goes on where it stopped, also after a closed tab: tus-js-client keeps
 * the address of each unfinished upload in the browser, by its fingerprint. */
export class Transfer {
  private readonly upload: Upload;
  private readonly speed = new Speed();
  /** The title that the station was told. */
  private named = '';
  /** True where the station may have created it without our knowing the address. */
  private unanswered = false;

  constructor(
    private readonly sending: Sending,
    listener: Listener,
    ports: Pick<UploadOptions, 'httpStack' | 'urlStorage'> = {},
  ) {
    const { file, channel, chunk, replaces } = sending;
    const chunks = new Chunks(chunk);
    this.upload = new Upload(file, {
      ...ports,
      urlStorage: forgiving(ports.urlStorage ?? defaultOptions.urlStorage),
      endpoint: '/files/',
      chunkSize: chunk,
      retryDelays: RETRY_DELAYS,
      metadata: { channel, filename: file.name, filetype: file.type, ...(replaces && { replaces }) },
      fingerprint: () => Promise.resolve(fingerprint(sending)),
      fileReader: { openFile: async () => sourceOf(file) },
      removeFingerprintOnSuccess: true,
      onUploadUrlAvailable: () => listener.found(this.upload.url ?? ''),
      onProgress: (sent, total) => {
        this.speed.add(sent, performance.now());
        listener.progress(sent, total, this.speed.rate);
      },
      onBeforeRequest: async (request) => {
        if (request.getMethod() !== 'POST') return;
        const begun = this.unanswered ? await beginning(sending) : null;
        if (begun !== null) {
          this.upload.url = begun;
          throw new Created(); // the next attempt goes on with it
        }
        this.named = this.upload.options.metadata?.['title'] ?? '';
      },
      onAfterResponse: async (request, response) => {
        // tus-js-client drops the address after any such answer, and sends the file from its
        // beginning; after an error it keeps both.
        if (request.getMethod() !== 'HEAD' || response.getStatus() < 300) return;
        if (!forgotten(read(response))) throw new HeadRefused(response);
        // To others the station denies that there is such an upload.
        if ((await signedIn()) !== sending.account) throw new Stopped('other-account');
      },
      onChunkComplete: () => {
        this.upload.options.chunkSize = chunks.passed();
      },
      onShouldRetry: (error) => {
        if (error.causingError instanceof Stopped) return false;
        const response = responseOf(error);
        const answer = response && response.getStatus() !== 0 ? read(response) : null;
        const method = error.originalRequest.getMethod();
        const next = verdict(method, answer);
        this.unanswered = method === 'POST' && !answer?.own && !(error.causingError instanceof Created);
        if (next === 'stop') return false;
        if (next === 'smaller') this.upload.options.chunkSize = chunks.failed();
        this.speed.clear();
        listener.waiting();
        return true;
      },
      onError: (error) => {
        const cause = 'causingError' in error ? error.causingError : null;
        if (cause instanceof Stopped) return listener.refused(cause.reason);
        const response = 'originalResponse' in error ? responseOf(error) : null;
        listener.refused({ status: response?.getStatus() ?? null, body: response?.getBody() ?? '' });
      },
      onSuccess: ({ lastResponse }) => listener.done(lastResponse.getHeader('Madang-Video') ?? '', this.named),
    });
  }

  async start(): Promise<void> {
    if (!this.upload.url) {
      const [previous] = await this.upload.findPreviousUploads();
      if (previous) {
        this.upload.resumeFromPreviousUpload(previous);
        this.named = previous.metadata['title'] ?? '';
      }
    }
    this.upload.options.metadata = { ...this.upload.options.metadata, title: this.sending.title() };
    this.speed.clear();
    this.upload.start();
  }

  async pause(): Promise<void> {
    await this.upload.abort();
  }

  /** Deletes what the station has of it; rejects where it does not. */
  async cancel(): Promise<void> {
    await this.upload.abort();
    if (this.upload.url) await remove(this.upload.url);
  }
}

/** What makes two files the same upload. */
export function fingerprint({ file, channel, account, replaces }: Omit<Sending, 'chunk' | 'title'>): string {
  return JSON.stringify(['madang', account, channel, replaces, file.name, file.type, file.size, file.lastModified]);
}

class HeadRefused extends Error {
  constructor(readonly response: HttpResponse) {
    super(`HEAD: ${response.getStatus()}`);
  }
}

/** The station has created it: only the answer was lost. */
class Created extends Error {}

/** What no further attempt mends. */
class Stopped extends Error {
  constructor(readonly reason: 'unreadable' | 'other-account') {
    super(reason);
  }
}

/** The address of an upload of this file to which nothing was sent yet; null for none. It has
 * reserved the room of the file. */
async function beginning({ file, channel, replaces }: Sending): Promise<string | null> {
  if (replaces) return null; // the list does not say what an upload replaces
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetchJson('/api/v1/uploads?state=active&limit=50', signal).catch(() => ({}));
  const same = list(fields(answer)['items']).map(fields).find((each) => {
    const sameFile = each['filename'] === file.name.normalize('NFC') && each['length'] === file.size;
    return sameFile && each['channel'] === channel && each['offset'] === 0;
  });
  return same ? new URL(string(same['url']), location.href).href : null;
}

/** A file is sent all the same where the browser has no room for its address. */
function forgiving(storage: UrlStorage): UrlStorage {
  return {
    findAllUploads: () => storage.findAllUploads(),
    findUploadsByFingerprint: (print) => storage.findUploadsByFingerprint(print),
    removeUpload: (key) => storage.removeUpload(key),
    addUpload: async (print, upload) => {
      try {
        return await storage.addUpload(print, upload);
      } catch {
        return '';
      }
    },
  };
}

async function signedIn(): Promise<string> {
  return String(fields(await fetchJson('/api/v1/me', AbortSignal.timeout(10_000)))['id']);
}

/** Reads a byte of each piece before it is sent: to the request, a file that was changed or deleted
 * looks like a broken connection. */
function sourceOf(file: File) {
  return {
    size: file.size,
    slice: async (start: number, end: number) => {
      try {
        const value = file.slice(start, end);
        await value.slice(0, 1).arrayBuffer();
        return { value, done: end >= file.size };
      } catch {
        throw new Stopped('unreadable');
      }
    },
    close: () => undefined,
  };
}

function responseOf(error: DetailedError): HttpResponse | null {
  return error.causingError instanceof HeadRefused ? error.causingError.response : error.originalResponse;
}

const read = (response: HttpResponse): Answer => ({
  status: response.getStatus(),
  own: Boolean(response.getHeader('Tus-Resumable')),
});
