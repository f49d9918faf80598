import { Upload, type DetailedError, type HttpResponse, type UploadOptions } from 'tus-js-client';

import { Chunks, RETRY_DELAYS, Speed, forgotten, verdict, type Answer } from './chunks';
import { remove } from './remove';

/** `account` is the id of who sends it, `title` what it is called at the moment. */
export interface Sending {
  file: File;
  channel: string;
  account: string;
  /** Bytes of the largest piece. */
  chunk: number;
  title: () => string;
}

/** Why it stopped: the answer (status null: none came), or a file that cannot be read any more. */
export type Refusal = { status: number | null; body: string } | 'unreadable';

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

  constructor(
    private readonly sending: Sending,
    listener: Listener,
    ports: Pick<UploadOptions, 'httpStack' | 'urlStorage'> = {},
  ) {
    const { file, channel, chunk } = sending;
    const chunks = new Chunks(chunk);
    this.upload = new Upload(file, {
      ...ports,
      endpoint: '/files/',
      chunkSize: chunk,
      retryDelays: RETRY_DELAYS,
      metadata: { channel, filename: file.name, filetype: file.type },
      fingerprint: () => Promise.resolve(fingerprint(sending)),
      fileReader: { openFile: async () => sourceOf(file) },
      removeFingerprintOnSuccess: true,
      onUploadUrlAvailable: () => listener.found(this.upload.url ?? ''),
      onProgress: (sent, total) => {
        this.speed.add(sent, performance.now());
        listener.progress(sent, total, this.speed.rate);
      },
      onBeforeRequest: (request) => {
        if (request.getMethod() === 'POST') this.named = this.upload.options.metadata?.['title'] ?? '';
      },
      onAfterResponse: (request, response) => {
        // tus-js-client drops the address after any such answer, and sends the file from its
        // beginning; after an error it keeps both.
        if (request.getMethod() === 'HEAD' && response.getStatus() >= 300 && !forgotten(read(response))) {
          throw new HeadRefused(response);
        }
      },
      onChunkComplete: () => {
        this.upload.options.chunkSize = chunks.passed();
      },
      onShouldRetry: (error) => {
        if (error.causingError instanceof Unreadable) return false;
        const response = responseOf(error);
        const answer = response && response.getStatus() !== 0 ? read(response) : null;
        const next = verdict(error.originalRequest.getMethod(), answer);
        if (next === 'stop') return false;
        if (next === 'smaller') this.upload.options.chunkSize = chunks.failed();
        this.speed.clear();
        listener.waiting();
        return true;
      },
      onError: (error) => {
        if ('causingError' in error && error.causingError instanceof Unreadable) return listener.refused('unreadable');
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
export function fingerprint({ file, channel, account }: Omit<Sending, 'chunk' | 'title'>): string {
  return JSON.stringify(['madang', account, channel, file.name, file.type, file.size, file.lastModified]);
}

class HeadRefused extends Error {
  constructor(readonly response: HttpResponse) {
    super(`HEAD: ${response.getStatus()}`);
  }
}

class Unreadable extends Error {}

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
      } catch (error) {
        throw new Unreadable(String(error));
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
