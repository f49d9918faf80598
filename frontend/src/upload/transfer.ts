import { Upload, type DetailedError } from 'tus-js-client';

import { RETRY_DELAYS, Speed, smaller, verdict, type Answer } from './chunks';

export interface Listener {
  progress(sent: number, total: number, rate: number | null): void;
  /** The connection broke; the next attempt comes by itself. */
  waiting(): void;
  refused(status: number | null, body: string): void;
  done(videoId: string): void;
}

/** One file on its way. It goes on where it stopped, also after a closed tab: tus-js-client keeps
 * the address of each unfinished upload in the browser, by name, size and date of the file. */
export class Transfer {
  private readonly upload: Upload;
  private readonly speed = new Speed();

  constructor(file: File, channel: string, title: string, chunk: number, listener: Listener) {
    this.upload = new Upload(file, {
      endpoint: '/files/',
      chunkSize: chunk,
      retryDelays: RETRY_DELAYS,
      metadata: { channel, filename: file.name, title, filetype: file.type },
      removeFingerprintOnSuccess: true,
      onProgress: (sent, total) => {
        this.speed.add(sent, performance.now());
        listener.progress(sent, total, this.speed.rate);
      },
      onShouldRetry: (error, _attempt, options) => {
        const next = verdict(answerOf(error));
        if (next === 'stop') return false;
        if (next === 'smaller') options.chunkSize = smaller(options.chunkSize ?? chunk);
        this.speed.clear();
        listener.waiting();
        return true;
      },
      onError: (error) => {
        const response = 'originalResponse' in error ? error.originalResponse : null;
        listener.refused(response?.getStatus() ?? null, response?.getBody() ?? '');
      },
      onSuccess: ({ lastResponse }) => listener.done(lastResponse.getHeader('Madang-Video') ?? ''),
    });
  }

  async start(): Promise<void> {
    if (!this.upload.url) {
      const [previous] = await this.upload.findPreviousUploads();
      if (previous) this.upload.resumeFromPreviousUpload(previous);
    }
    this.speed.clear();
    this.upload.start();
  }

  async pause(): Promise<void> {
    await this.upload.abort();
  }

  /** Deletes what the station has of it. */
  async cancel(): Promise<void> {
    await this.upload.abort(true);
  }
}

function answerOf(error: DetailedError): Answer | null {
  const response = error.originalResponse;
  if (!response || response.getStatus() === 0) return null;
  return { status: response.getStatus(), own: response.getHeader('Tus-Resumable') !== undefined };
}
