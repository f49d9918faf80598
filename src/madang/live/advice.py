"""Advice for the broadcaster on the settings of the encoder: codes and values, no texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from madang.live.demux import Tracks
from madang.live.meter import Measurement
from madang.media.track import Codec

Severity = Literal["info", "warning", "error"]

LONG_KEY_INTERVAL: Final = 4.0
"""Seconds. Newcomers wait for a key frame, and seeking and switching happen there; 2 is usual."""

SLOW_UPLINK: Final = 1.0
"""Seconds by which the stream arrives late once its buffer at the encoder fills up."""

STALLED_UPLINK: Final = 4.0
"""Seconds by which the stream is so late that viewers see it."""

DROPPED_SHARE: Final = 0.02
"""Missing pictures per picture from which motion looks jerky."""

HIGH_BIT_RATE: Final = 8_000_000
"""Bits a second from which many viewers' connections do not keep up."""

LONG_REORDERING: Final = 0.2
"""Seconds by which pictures wait for later ones: B-frames, which a low-delay encoder leaves out."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One setting to change. `values` go into its text; rates in bit/s, times in seconds."""

    code: str
    severity: Severity
    values: Mapping[str, float | str] = field(default_factory=dict)


CODES: Final = frozenset(
    {
        "key_frames_far_apart",
        "key_frames_irregular",
        "uplink_slow",
        "uplink_stalled",
        "frames_dropped",
        "codec_uncommon",
        "profile_uncommon",
        "no_audio",
        "no_video",
        "clock_jumps",
        "media_damaged",
        "bit_rate_high",
        "reordering_long",
    }
)
"""Every code that `advise` may return."""

_UNCOMMON: Final = {
    Codec.HEVC: "Firefox, Chrome on Linux",
    Codec.AC3: "Chrome, Firefox",
    Codec.EAC3: "Chrome, Firefox",
    Codec.MP3: "Chrome, Firefox",
    Codec.AV1: "Safari on older devices",
}
"""Browsers that lack a codec, as of 2026; MP3 is meant inside fragmented MP4."""

_COMMON_AVC: Final = frozenset({"42", "4D", "58", "64"})
"""profile_idc of Baseline, Main, Extended and High: 8 bits, 4:2:0 (ISO/IEC 14496-10, annex A)."""


def advise(tracks: Tracks, measured: Measurement, frames: int) -> tuple[Advice, ...]:
    """Return advice, the worst first. `frames` is the number of pictures received so far."""
    advice = [
        *_of_tracks(tracks),
        *_of_uplink(measured, frames),
        *_of_key_frames(measured),
        *_of_stream(measured),
    ]
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(advice, key=lambda item: order[item.severity]))


def _of_tracks(tracks: Tracks) -> list[Advice]:
    advice = []
    if tracks.video is None:
        advice.append(Advice("no_video", "info"))
    if tracks.audio is None:
        advice.append(Advice("no_audio", "warning"))
    for track in tracks.all:
        lacking = _UNCOMMON.get(track.codec)
        if lacking is not None:
            severity: Severity = "info" if track.codec is Codec.AV1 else "warning"
            values = {"codec": track.codec.value, "browsers": lacking}
            advice.append(Advice("codec_uncommon", severity, values))
    video = tracks.video
    if video is not None and video.codec is Codec.AVC:
        profile = video.codec_string.partition(".")[2][:2].upper()
        if profile not in _COMMON_AVC:
            advice.append(Advice("profile_uncommon", "error", {"codec": video.codec_string}))
    return advice


def _of_uplink(measured: Measurement, frames: int) -> list[Advice]:
    values = {"lag": round(measured.arrival_lag, 1), "bit_rate": round(measured.bit_rate)}
    advice = []
    if measured.arrival_lag > STALLED_UPLINK:
        advice.append(Advice("uplink_stalled", "error", values))
    elif measured.arrival_lag > SLOW_UPLINK:
        advice.append(Advice("uplink_slow", "warning", values))
    if frames and measured.dropped_frames > DROPPED_SHARE * frames:
        share = round(100 * measured.dropped_frames / (frames + measured.dropped_frames), 1)
        dropped = {"count": measured.dropped_frames, "percent": share}
        advice.append(Advice("frames_dropped", "warning", dropped))
    if measured.bit_rate > HIGH_BIT_RATE:
        rate = {"bit_rate": round(measured.bit_rate), "limit": float(HIGH_BIT_RATE)}
        advice.append(Advice("bit_rate_high", "warning", rate))
    return advice


def _of_key_frames(measured: Measurement) -> list[Advice]:
    interval = measured.key_frame_interval
    longest = measured.longest_key_frame_interval
    if interval is None or longest is None:
        return []
    if longest > LONG_KEY_INTERVAL:
        values = {"interval": round(longest, 1)}
        return [Advice("key_frames_far_apart", "warning", values)]
    if longest > 1.5 * interval + 0.1:
        return [Advice("key_frames_irregular", "info", {"interval": round(longest, 1)})]
    return []


def _of_stream(measured: Measurement) -> list[Advice]:
    advice = []
    if measured.jumps:
        advice.append(Advice("clock_jumps", "warning", {"count": measured.jumps}))
    if measured.damaged:
        advice.append(Advice("media_damaged", "warning", {"count": measured.damaged}))
    if measured.composition_delay > LONG_REORDERING:
        delay = {"delay": round(measured.composition_delay, 2)}
        advice.append(Advice("reordering_long", "info", delay))
    return advice
