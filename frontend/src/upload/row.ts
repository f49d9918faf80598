import { t } from '../i18n';
import { need, say, show } from '../lib/dom';
import { follow } from './outcome';
import { Transfer } from './transfer';
import { bytes, progress, refusal, titleOf } from './words';

export type RowState = 'waiting' | 'sending' | 'paused' | 'refused' | 'sent';

const TELL_EVERY = 250;

/** A file in the list, with its buttons. `changed` is called whenever another may begin. */
export class Row {
  readonly element: HTMLElement;
  state: RowState = 'waiting';
  private transfer: Transfer | null = null;
  private toldAt = 0;

  constructor(
    private readonly file: File,
    private readonly channel: string,
    private readonly chunk: number,
    template: HTMLTemplateElement,
    private readonly announce: (words: string) => void,
    private readonly changed: () => void,
  ) {
    this.element = need('li', template.content.cloneNode(true) as DocumentFragment);
    say(this.part('name'), `${file.name.normalize('NFC')} · ${bytes(file.size)}`);
    this.title.value = titleOf(file.name);
    this.title.setAttribute('aria-label', t('uploadTitleOf', { name: file.name }));
    this.part('pause').addEventListener('click', () => void this.pause());
    this.part('resume').addEventListener('click', () => this.wait());
    this.part('cancel').addEventListener('click', () => void this.cancel());
    this.tell(t('uploadWaiting'));
    this.draw();
  }

  get busy(): boolean {
    return this.state === 'waiting' || this.state === 'sending';
  }

  start(): void {
    this.transfer ??= new Transfer(this.file, this.channel, this.title.value.trim(), this.chunk, {
      progress: (sent, total, rate) => {
        this.bar.value = total ? sent / total : 0;
        const now = performance.now();
        if (now - this.toldAt < TELL_EVERY) return;
        this.toldAt = now;
        this.tell(progress(sent, total, rate));
      },
      waiting: () => this.tell(t('uploadReconnecting')),
      refused: (status, body) => {
        this.tell(refusal(status, body), true);
        this.announce(`${this.file.name}: ${refusal(status, body)}`);
        this.become('refused');
      },
      done: (videoId) => this.done(videoId),
    });
    this.tell(t('uploadBegins'));
    this.become('sending');
    void this.transfer.start();
  }

  private wait(): void {
    this.tell(t('uploadWaiting'));
    this.become('waiting');
  }

  private async pause(): Promise<void> {
    this.become('paused');
    await this.transfer?.pause();
    this.tell(t('uploadPaused'));
  }

  private async cancel(): Promise<void> {
    this.state = 'paused';
    this.element.remove();
    this.changed();
    // Its address is unknown, or the station has forgotten it: nothing is left to delete.
    await this.transfer?.cancel().catch(() => undefined);
  }

  private done(videoId: string): void {
    this.bar.value = 1;
    this.become('sent');
    this.announce(t('uploadSent', { name: this.file.name }));
    const link = this.part('video') as HTMLAnchorElement;
    link.href = `/studio/@${this.channel}/videos/${videoId}`;
    this.tell(t('uploadQueued'));
    follow(videoId, ({ state, reason, progress: share }) => {
      if (share !== null) this.bar.value = share;
      if (state === 'queued') this.tell(t('uploadQueued'));
      else if (state === 'processing') this.tell(t('uploadProcessing', { n: Math.floor((share ?? 0) * 100) }));
      else if (state === 'ready') this.finish(t('uploadReady'), false);
      else this.finish(reason ? t('uploadRefused', { reason }) : t('uploadFailed'), true);
    });
  }

  private finish(words: string, bad: boolean): void {
    show(this.bar, false);
    this.tell(words, bad);
    this.announce(`${this.file.name}: ${words}`);
  }

  private become(state: RowState): void {
    this.state = state;
    this.draw();
    this.changed();
  }

  private draw(): void {
    const { state } = this;
    show(this.part('pause'), state === 'sending' || state === 'waiting');
    show(this.part('resume'), state === 'paused' || state === 'refused');
    show(this.part('cancel'), state !== 'sent');
    show(this.part('video'), state === 'sent');
    this.title.disabled = this.transfer !== null;
  }

  private tell(words: string, bad = false): void {
    const line = this.part('state');
    line.dataset['tone'] = bad ? 'bad' : 'plain';
    say(line, words);
  }

  private part(name: string): HTMLElement {
    return need(`[data-upload-${name}]`, this.element);
  }

  private get title(): HTMLInputElement {
    return this.part('title') as HTMLInputElement;
  }

  private get bar(): HTMLProgressElement {
    return this.part('bar') as HTMLProgressElement;
  }
}
