import Hls from 'hls.js/light';
import type { Engine, EngineEvents } from './engine';
import { HlsEngine } from './hls-engine';
import { NativeEngine } from './native-engine';

export function createEngine(video: HTMLVideoElement, on: EngineEvents): Engine {
  return Hls.isSupported() ? new HlsEngine(video, on) : new NativeEngine(video, on);
}
