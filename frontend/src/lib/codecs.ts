const NAMES: ReadonlyArray<readonly [RegExp, string]> = [
  [/^avc[13]/, 'H.264'],
  [/^(hvc1|hev1)/, 'H.265 (HEVC)'],
  [/^av01/, 'AV1'],
  [/^vp09/, 'VP9'],
  [/^mp4a\.40/, 'AAC'],
  [/^(mp4a\.6b|mp3)/i, 'MP3'],
  [/^opus/i, 'Opus'],
  [/^flac/i, 'FLAC'],
  [/^ac-3/, 'AC-3'],
  [/^ec-3/, 'E-AC-3'],
];

/** The name people know, for a codec string of RFC 6381 ("hvc1.1.6.L93.B0": "H.265 (HEVC)"). */
export function codecName(codec: string): string {
  return NAMES.find(([pattern]) => pattern.test(codec))?.[1] ?? codec;
}

/** "H.264 · AAC" for "avc1.64001f,mp4a.40.2". */
export function codecNames(codecs: string): string {
  const names = codecs.split(',').map((codec) => codecName(codec.trim()));
  return [...new Set(names.filter(Boolean))].join(' · ');
}

/** Names of those codecs in "avc1.64001f,mp4a.40.2" that `plays` refuses, each once. */
export function refusedCodecs(codecs: string, plays: (codec: string) => boolean): string[] {
  const refused = codecs
    .split(',')
    .map((codec) => codec.trim())
    .filter((codec) => codec && !plays(codec));
  return [...new Set(refused.map(codecName))];
}
