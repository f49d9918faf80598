import { t } from '../i18n';
import { find, need, say, show } from '../lib/dom';
import type { Failure, Phase, PlayerState } from './state';
import type { VideoPhase } from './video-state';

/** What is said over the picture, and what can be pressed there. */
export interface Words {
  title: string;
  hint: string;
  retry?: boolean;
}

function failureWords(failure: Failure): Words {
  switch (failure.kind) {
    case 'network':
      return { title: t('failedNetwork'), hint: t('failedNetworkHint'), retry: true };
    case 'media':
      return { title: t('failedMedia'), hint: t('failedMediaHint'), retry: true };
    case 'gone':
      return { title: t('failedGone'), hint: t('failedGoneHint'), retry: true };
    case 'codec': {
      const codec = failure.codecs.join(', ') || t('unknownCodec');
      return { title: t('failedCodec', { codec }), hint: t('failedCodecHint'), retry: true };
    }
  }
}

/** The words of a channel's player; null while the show simply plays. */
export function words(phase: Phase, state: PlayerState, keyFrameOverdue: boolean): Words | null {
  if (waitsForKeyFrame(phase, state, keyFrameOverdue)) {
    return { title: t('stateNoKeyFrame'), hint: t('stateNoKeyFrameHint') };
  }
  switch (phase) {
    case 'live':
      return null;
    case 'error':
      return state.failure
        ? failureWords(state.failure)
        : { title: t('unreachable'), hint: t('unreachableHint'), retry: true };
    case 'loading':
      return { title: t('stateLoading'), hint: '' };
    case 'offline':
      return { title: t('stateOffline'), hint: t('stateOfflineHint') };
    case 'starting':
      return { title: t('stateStarting'), hint: t('stateStartingHint') };
    case 'interrupted':
      return { title: t('stateInterrupted'), hint: t('stateInterruptedHint') };
    case 'ended':
      return { title: t('stateEnded'), hint: t('stateEndedHint') };
  }
}

/** The words of a video's player. */
export function videoWords(phase: VideoPhase, failure: Failure | null): Words | null {
  return phase === 'error' && failure ? failureWords(failure) : null;
}

/** Whether a newcomer waits for a picture that the encoder lets nobody begin at. */
export function waitsForKeyFrame(phase: Phase, state: PlayerState, overdue: boolean): boolean {
  return overdue && (phase === 'starting' || (phase === 'live' && state.engine === 'loading'));
}

/** Says over the picture what is going on; gone while it simply plays. */
export class Overlay {
  readonly #root: HTMLElement;
  readonly #title: HTMLElement;
  readonly #hint: HTMLElement;
  readonly #retry: HTMLButtonElement;
  readonly #again: HTMLAnchorElement | null;

  constructor(player: HTMLElement, retry: () => void) {
    this.#root = need('[data-overlay]', player);
    this.#title = need('[data-overlay-title]', this.#root);
    this.#hint = need('[data-overlay-hint]', this.#root);
    this.#retry = need<HTMLButtonElement>('[data-retry]', this.#root);
    this.#again = find<HTMLAnchorElement>('[data-again]', this.#root);
    this.#retry.addEventListener('click', retry);
  }

  /** `again`: the page of the show's recording. */
  render(text: Words | null, again: string | null = null): void {
    show(this.#root, text !== null);
    if (!text) return;
    say(this.#title, text.title);
    say(this.#hint, text.hint);
    show(this.#retry, text.retry ?? false);
    show(this.#again, again !== null);
    if (again !== null && this.#again) this.#again.href = again;
  }
}
