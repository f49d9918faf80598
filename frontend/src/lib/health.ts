import { fields, list, number, stationState, string, type StationState } from './status';

/** Readings of the encoder's stream, by the names of the station. */
export const READINGS = [
  'viewers',
  'bitrate',
  'frame_rate',
  'part_lag',
  'arrival_lag',
  'keyframe_interval',
  'dropped_frames',
  'disconnects',
] as const;
export type Reading = (typeof READINGS)[number];

export interface Advice {
  code: string;
  severity: string;
  title: string;
  text: string;
}

export interface Health {
  state: StationState;
  readings: Record<Reading, number | null>;
  codecs: string;
  advice: Advice[];
}

/** Reads an answer of the health address; throws TypeError where it is not one. */
export function parseHealth(value: unknown): Health {
  const of = fields(value);
  const status = of['status'] === null ? {} : fields(of['status']);
  return {
    state: stationState(of['state']),
    readings: Object.fromEntries(
      READINGS.map((name) => [name, number(status[name])]),
    ) as Health['readings'],
    codecs: string(status['codecs']),
    advice: list(of['advice']).map((item) => {
      const advice = fields(item);
      return {
        code: string(advice['code']),
        severity: string(advice['severity']),
        title: string(advice['title']),
        text: string(advice['text']),
      };
    }),
  };
}
