export const STATION_STATES = ['offline', 'starting', 'live', 'interrupted', 'ended'] as const;
export type StationState = (typeof STATION_STATES)[number];

export interface Rendition {
  name: string;
  width: number | null;
  height: number | null;
  frameRate: number | null;
  codecs: string;
  bitrate: number | null;
}

/** What `/live/SLUG/status.json` says about a channel. */
export interface ChannelStatus {
  slug: string;
  state: StationState;
  since: Date | null;
  viewers: number;
  title: string;
  description: string;
  poster: string | null;
  /** Newcomers see nothing until the encoder sends a key frame. */
  keyFrameOverdue: boolean;
  renditions: Rendition[];
  /** The long playlist, from the first second of the show. */
  rewindUrl: string | null;
  /** The video that the show becomes, where it is kept. */
  recordingId: string | null;
}

type Fields = Record<string, unknown>;

export function fields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError('expected an object');
  }
  return value as Fields;
}

export const number = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

export const string = (value: unknown): string => (typeof value === 'string' ? value : '');

export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

export function instant(value: unknown): Date | null {
  const date = typeof value === 'string' ? new Date(value) : null;
  return date && !Number.isNaN(date.getTime()) ? date : null;
}

export function stationState(value: unknown): StationState {
  const state = STATION_STATES.find((known) => known === value);
  if (!state) throw new TypeError(`unknown state ${String(value)}`);
  return state;
}

function parseRendition(value: unknown): Rendition {
  const of = fields(value);
  return {
    name: string(of['name']),
    width: number(of['width']),
    height: number(of['height']),
    frameRate: number(of['frame_rate']),
    codecs: list(of['codecs']).length ? list(of['codecs']).join(',') : string(of['codecs']),
    bitrate: number(of['bitrate']),
  };
}

/** Reads one channel's status; throws TypeError where it is not one. */
export function parseStatus(value: unknown): ChannelStatus {
  const of = fields(value);
  return {
    slug: string(of['slug']),
    state: stationState(of['state']),
    since: instant(of['since']),
    viewers: number(of['viewers']) ?? 0,
    title: string(of['title']),
    description: string(of['description']),
    poster: string(of['poster']) || null,
    keyFrameOverdue: of['key_frame_overdue'] === true,
    renditions: list(of['renditions']).map(parseRendition),
    rewindUrl: string(of['rewind_url']) || null,
    recordingId: string(of['recording_id']) || null,
  };
}

export function parseLive(value: unknown): ChannelStatus[] {
  return list(fields(value)['live']).map(parseStatus);
}

/** Milliseconds until the next question: quick while waiting for a show, calm during one. */
export const statusInterval = (state: StationState): number => (state === 'live' ? 5_000 : 2_000);
