import { t } from '../i18n';
import { need, say, show } from '../lib/dom';
import { rename, type Outcome, type Outcomes } from './outcome';
import { Transfer, fingerprint, type Refusal } from './transfer';
import { bytes, progress, refusal, titleOf } from './words';

export type RowState = 'waiting' | 'sending' | 'paused' | 'refused' | 'sent';

const TELL_EVERY = 250;

/** What the rows of a page have in common. `changed` is called whenever another file may begin. */
export interface Page {
  channel: string;
  account: string;
  /** Id of the video whose file is replaced; empty for a new one. */
  replaces: string;
  chunk: number;
  template: HTMLTemplateElement;
  outcomes: Outcomes;
  announce(words: string): void;
  /** The station has an unfinished upload of a row at this address. */
  found(url: string): void;
  changed(): void;
}

/** A file in the list, with its buttons. */
export class Row {
  readonly element: HTMLElement;
  /** The same for the same file, chosen a second time. */
  readonly key: string;
  state: RowState = 'waiting';
  /** True where signing in again lets it go on. */
  signedOut = false;
  private transfer: Transfer | null = null;
  private toldAt = 0;

  constructor(
    private readonly file: File,
    private readonly page: Page,
  ) {
    this.key = fingerprint({ file, ...page });
    const { template } = page;
    this.element = need('li', template.content.cloneNode(true) as DocumentFragment);
    say(this.part('name'), `${file.name.normalize('NFC')} · ${bytes(file.size)}`);
    this.title.value = titleOf(file.name);
    this.title.setAttribute('aria-label', t('uploadTitleOf', { name: file.name }));
    this.part('pause').addEventListener('click', () => void this.pause());
    this.part('resume').addEventListener('click', () => this.resume());
    this.part('cancel').addEventListener('click', () => void this.cancel());
    this.tell(t('uploadWaiting'));
    this.draw();
  }

  get busy(): boolean {
    return this.state === 'waiting' || this.state === 'sending';
  }

  start(): void {
    const { file, page } = this;
    const title = (): string => this.title.value.trim();
    this.transfer ??= new Transfer({ file, ...page, title }, {
      progress: (sent, total, rate) => {
        this.bar.value = total ? sent / total : 0;
        const now = performance.now();
        if (now - this.toldAt < TELL_EVERY) return;
        this.toldAt = now;
        this.tell(progress(sent, total, rate));
      },
      found: (url) => page.found(url),
      waiting: () => this.tell(t('uploadReconnecting')),
      refused: (reason) => this.refused(reason),
      done: (videoId, known) => this.done(videoId, known),
    });
    this.tell(t('uploadBegins'));
    this.become('sending');
    void this.transfer.start();
  }

  /** Waits for its turn, after a pause or a refusal. */
  resume(): void {
    this.signedOut = false;
    this.tell(t('uploadWaiting'));
    this.become('waiting');
  }

  /** Leaves its place to the same file, chosen again. */
  replaceBy(row: Row): void {
    row.title.value = this.title.value;
    this.element.replaceWith(row.element);
  }

  /** Shows where it is. */
  point(): void {
    this.element.scrollIntoView({ block: 'nearest' });
    this.part('name').focus();
    this.page.announce(t('uploadTwice', { name: this.file.name }));
  }

  private refused(reason: Refusal): void {
    const words = refusal(reason);
    const status = typeof reason === 'string' ? null : reason.status;
    this.signedOut = reason === 'other-account' || status === 401;
    this.tell(words, true);
    this.page.announce(`${this.file.name}: ${words}`);
    this.become('refused');
    show(this.part('resume'), reason !== 'unreadable');
    show(this.part('sign-in'), this.signedOut || status === 403);
  }

  private async pause(): Promise<void> {
    this.become('paused');
    await this.transfer?.pause();
    this.tell(t('uploadPaused'));
  }

  private async cancel(): Promise<void> {
    this.become('paused');
    this.tell(t('uploadDeleting'));
    try {
      await this.transfer?.cancel();
      this.element.remove();
      this.page.changed();
    } catch {
      this.tell(t('uploadNotDeleted'), true);
      this.page.announce(`${this.file.name}: ${t('uploadNotDeleted')}`);
    }
  }

  /** `known` is the title that the station has. */
  private done(videoId: string, known: string): void {
    this.bar.value = 1;
    this.become('sent');
    this.page.announce(t('uploadSent', { name: this.file.name }));
    const link = this.part('video') as HTMLAnchorElement;
    link.href = `/studio/@${this.page.channel}/videos/${videoId}`;
    if (this.page.replaces) return this.finish(t('uploadReplaces'), false);
    this.tell(t('uploadQueued'));
    const title = this.title.value.trim();
    let renames = title !== '' && title !== known;
    this.page.outcomes.follow(videoId, (outcome) => {
      if (renames) void rename(videoId, title).catch(() => this.tellTitle(known));
      renames = false;
      this.follow(outcome);
    });
  }

  private follow({ state, words, progress: share }: Outcome): void {
    if (share !== null) this.bar.value = share;
    if (state === 'queued' || state === 'processing') this.tell(`${words} ${t('uploadLeave')}`);
    else if (state === 'ready') this.finish(t('uploadReady'), false);
    else this.finish(words || t('uploadFailed'), true);
  }

  /** Says that the title could not be changed from what the station has. */
  private tellTitle(known: string): void {
    const name = known || this.file.name;
    show(this.part('title-state'), true);
    say(this.part('title-state'), t('uploadTitleKept', { title: name }));
    this.page.announce(t('uploadTitleKept', { title: name }));
  }

  private finish(words: string, bad: boolean): void {
    show(this.bar, false);
    this.tell(words, bad);
    this.page.announce(`${this.file.name}: ${words}`);
  }

  private become(state: RowState): void {
    this.state = state;
    this.draw();
    this.page.changed();
  }

  private draw(): void {
    const { state } = this;
    show(this.part('pause'), state === 'sending' || state === 'waiting');
    show(this.part('resume'), state === 'paused' || state === 'refused');
    show(this.part('cancel'), state !== 'sent');
    show(this.part('video'), state === 'sent');
    show(this.part('sign-in'), false);
    this.title.disabled = state === 'sent';
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
