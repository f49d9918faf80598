import { t } from '../i18n';
import { need, say, show } from '../lib/dom';
import type { Failure, Phase, PlayerState } from './state';

interface Words {
  title: string;
  hint: string;
  retry: boolean;
}

function failureWords(failure: Failure): Words {
  switch (failure.kind) {
    case 'network':
      return { title: t('failedNetwork'), hint: t('failedNetworkHint'), retry: true };
    case 'media':
      return { title: t('failedMedia'), hint: t('failedMediaHint'), retry: true };
    case 'codec': {
      const codec = failure.codecs.join(', ') || t('unknownCodec');
      return { title: t('failedCodec', { codec }), hint: t('failedCodecHint'), retry: true };
    }
  }
}

function words(phase: Phase, state: PlayerState): Words | null {
  switch (phase) {
    case 'live':
      return null;
    case 'error':
      return state.failure
        ? failureWords(state.failure)
        : { title: t('unreachable'), hint: t('unreachableHint'), retry: true };
    case 'loading':
      return { title: t('stateLoading'), hint: '', retry: false };
    case 'offline':
      return { title: t('stateOffline'), hint: t('stateOfflineHint'), retry: false };
    case 'starting':
      return { title: t('stateStarting'), hint: t('stateStartingHint'), retry: false };
    case 'interrupted':
      return { title: t('stateInterrupted'), hint: t('stateInterruptedHint'), retry: false };
    case 'ended':
      return { title: t('stateEnded'), hint: t('stateEndedHint'), retry: false };
  }
}

/** Whether a newcomer waits for a picture that the encoder lets nobody begin at. */
export function waitsForKeyFrame(phase: Phase, state: PlayerState, overdue: boolean): boolean {
  return overdue && (phase === 'starting' || (phase === 'live' && state.engine === 'loading'));
}

/** Says over the picture what is going on; gone while the show simply plays. */
export class Overlay {
  readonly #root: HTMLElement;
  readonly #title: HTMLElement;
  readonly #hint: HTMLElement;
  readonly #retry: HTMLButtonElement;

  constructor(player: HTMLElement, retry: () => void) {
    this.#root = need('[data-overlay]', player);
    this.#title = need('[data-overlay-title]', this.#root);
    this.#hint = need('[data-overlay-hint]', this.#root);
    this.#retry = need<HTMLButtonElement>('[data-retry]', this.#root);
    this.#retry.addEventListener('click', retry);
  }

  render(phase: Phase, state: PlayerState, keyFrameOverdue: boolean): void {
    const text = waitsForKeyFrame(phase, state, keyFrameOverdue)
      ? { title: t('stateNoKeyFrame'), hint: t('stateNoKeyFrameHint'), retry: false }
      : words(phase, state);
    show(this.#root, text !== null);
    if (!text) return;
    say(this.#title, text.title);
    say(this.#hint, text.hint);
    show(this.#retry, text.retry);
  }
}
