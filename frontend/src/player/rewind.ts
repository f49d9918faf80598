/** Decisions about going back in a show that is on. Pure: no clock, no network, no page.
 * Dates are in seconds since 1970. */
import type { Rewind } from './state';
import { within, type Loaded, type Span } from './timeline';

/** The show that is on and its long playlist, as the station offers them. */
export interface Offer {
  readonly src: string;
  readonly began: number;
}

/** What is played now. */
export interface View {
  offer: Offer | null;
  /** The long playlist, where that is played and not the live edge. */
  rewind: Rewind | null;
  /** Dates of the playlist that is played. */
  loaded: Loaded | null;
}

/** Closer to the live edge than this (seconds), a seek goes live. */
const LIVE_ZONE = 5;

/** The same from the long playlist, which ends a little before the live edge. */
const REWOUND_ZONE = 10;

/** The live window moves: what is closer to its beginning than this is played from the long list. */
const WINDOW_MARGIN = 4;

/** Closer to the live edge than this, somebody who plays faster has caught up. */
const CAUGHT_UP = 6;

/** The same where the long playlist is played out. */
const PLAYED_OUT = 30;

/** Whether what is played belongs to the show that is on. */
export function isOn({ offer, rewind }: View): boolean {
  return rewind === null || rewind.src === offer?.src;
}

/** Return the dates that the seek bar covers; null where there is nothing to go back to. */
export function showSpan({ offer, rewind, loaded }: View): Span | null {
  const began = (rewind ?? offer)?.began;
  if (began === undefined || loaded === null) return null;
  return { start: Math.min(began, loaded.start), end: loaded.end };
}

export type Route = 'here' | 'live' | { readonly rewind: Rewind };

/** Where a seek to `date` is played: in what is loaded, at the live edge, or in the long playlist. */
export function route(date: number, view: View): Route {
  const { offer, rewind, loaded } = view;
  if (!loaded) return 'here';
  if (rewind) {
    const live = isOn(view) && loaded.growing;
    return live && date > loaded.end - REWOUND_ZONE ? 'live' : 'here';
  }
  if (date > loaded.end - LIVE_ZONE) return 'live';
  if (!offer || date >= loaded.start + WINDOW_MARGIN) return 'here';
  return { rewind: { ...offer, at: within({ start: offer.began, end: loaded.end }, date) } };
}

/** Whether somebody who went back has reached the live edge, by playing faster. */
export function caughtUp(
  view: View,
  { shown, speed, starved }: { shown: number; speed: number; starved: boolean },
): boolean {
  // A playlist that is complete is watched to its end, which comes before the news of it.
  if (!view.rewind || !view.loaded?.growing || !isOn(view)) return false;
  const behind = view.loaded.end - shown;
  return behind < CAUGHT_UP || (starved && speed > 1 && behind < PLAYED_OUT);
}

/**
 * Return the long playlist for somebody who has paused at the date `paused` when the show ends, so
 * that it can be watched on from there; null where nothing is to be kept.
 */
export function kept(paused: number | null, { offer, rewind }: View): Rewind | null {
  return paused === null || offer === null || rewind !== null ? null : { ...offer, at: paused };
}
