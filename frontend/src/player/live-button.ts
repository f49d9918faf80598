import { t } from '../i18n';
import { find, need, say } from '../lib/dom';
import { clock, latency as latencyText } from '../lib/format';
import type { Engine } from './engine';
import { isBehind, shownLatency } from './latency';

/** The live button with its readout: the latency, or how far behind the show the picture is. */
export class LiveButton {
  readonly #button: HTMLButtonElement;

  constructor(
    private readonly player: HTMLElement,
    private readonly video: HTMLVideoElement,
    private readonly engine: Engine,
    goLive: () => void,
  ) {
    this.#button = need<HTMLButtonElement>('[data-live-button]', player);
    this.#button.addEventListener('click', goLive);
  }

  /** Brings the readout up to date; about once a second. `rewound`: seconds behind the show. */
  tick(now: number, rewound: number | null): void {
    const date = this.engine.playingDate();
    const wall = date ? (now - date.getTime()) / 1_000 : null;
    const edge = this.engine.edgeLatency();
    const latency = rewound ?? (this.video.readyState >= 2 ? shownLatency(wall, edge) : null);
    const behind =
      rewound !== null || isBehind(edge ?? latency, this.engine.targetLatency());

    this.player.dataset['latency'] = latency === null ? '' : latency.toFixed(3);
    this.player.dataset['behind'] = String(behind);
    say(find('[data-live-text]', this.#button), t(behind ? 'behind' : 'live'));
    say(find('[data-latency-text]', this.#button), readout(latency, behind));
    const label = this.#label(latency, behind);
    if (this.#button.getAttribute('aria-label') !== label) {
      this.#button.setAttribute('aria-label', label);
    }
  }

  #label(latency: number | null, behind: boolean): string {
    if (latency === null) return t('live');
    const n = latencyText(latency);
    if (!behind) return t('liveLabel', { n });
    return latency < 60
      ? t('behindLabel', { n })
      : t('behindLongLabel', { time: clock(latency) });
  }
}

function readout(latency: number | null, behind: boolean): string {
  if (latency === null) return '';
  return behind ? `−${clock(latency)}` : t('seconds', { n: latencyText(latency) });
}
