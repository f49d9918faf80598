"""Conditions of the advice to the broadcaster, and their thresholds.

A condition returns the values of its words where it holds, else None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from madang.live.demux import Tracks
from madang.live.faults import Faults
from madang.live.meter import Measurement
from madang.live.pace import Cause
from madang.media.track import Codec

LONG_KEY_INTERVAL: Final = 4.0
"""Seconds. Newcomers wait for a key frame, and seeking and switching happen there; 2 is usual."""

LATE: Final = 1.0
"""Seconds by which the stream arrives late once its buffer at the encoder fills up."""

STALLED: Final = 4.0
"""Seconds by which the stream is so late that viewers see it."""

IN_TIME: Final = 0.97
"""Seconds of the stream made in a second from which an encoder keeps up."""

SILENT: Final = 3.0
"""Seconds without a byte after which viewers have played what they had."""

DROPPED_SHARE: Final = 0.02
"""Missing pictures per picture from which motion looks jerky."""

HIGH_BIT_RATE: Final = 8_000_000
"""Bits a second from which many viewers' connections do not keep up."""

LONG_REORDERING: Final = 0.2
"""Seconds by which pictures wait for later ones: B-frames, which a low-delay encoder leaves out."""

Values = Mapping[str, float | str]
"""Values of the words: rates in bit/s, times in seconds."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The stream as conditions judge it.

    `frames` is the number of pictures received so far; `recording_stopped` where the show is to be
    kept and the disk does not take it.
    """

    tracks: Tracks
    measured: Measurement
    frames: int = 0
    faults: Faults = field(default_factory=Faults)
    recording_stopped: bool = False


_HOLDS: Final[Values] = {}

_LACKING: Final = {
    Codec.HEVC: "Firefox, Chrome on Linux",
    Codec.AC3: "Chrome, Firefox",
    Codec.EAC3: "Chrome, Firefox",
    Codec.MP3: "Chrome, Firefox",
}
"""Browsers that lack a codec, as of 2026; MP3 is meant inside fragmented MP4."""

_COMMON_PROFILES: Final = {
    Codec.AVC: re.compile(r"avc1\.(42|4d|58|64)"),
    Codec.HEVC: re.compile(r"hvc1\.[ABC]?[12]\."),
    Codec.AV1: re.compile(r"av01\.0\."),
    Codec.VP9: re.compile(r"vp09\.0[02]\."),
}
"""Codec strings of the profiles with 4:2:0, which are what browsers decode: in 8 bits alone for
H.264 (Baseline, Main, Extended, High), also in 10 bits for the others."""


# --- tracks ---


def no_video(observed: Observed) -> Values | None:
    """Sound alone, and no other reason for it."""
    faults = observed.faults
    explained = faults.picture_left_out or faults.picture_unconfigured
    return _HOLDS if observed.tracks.video is None and not explained else None


def no_audio(observed: Observed) -> Values | None:
    """Picture alone, and no other reason for it."""
    faults = observed.faults
    explained = faults.sound_left_out or faults.sound_unconfigured
    return _HOLDS if observed.tracks.audio is None and not explained else None


def picture_not_carried(observed: Observed) -> Values | None:
    """A picture of a codec that the station does not carry, or no browser plays."""
    codec = observed.faults.picture_left_out
    return {"codec": codec} if codec else None


def sound_not_carried(observed: Observed) -> Values | None:
    """Sound of a codec that the station does not carry, or no browser plays."""
    codec = observed.faults.sound_left_out
    return {"codec": codec} if codec else None


def picture_undescribed(observed: Observed) -> Values | None:
    """A picture that nothing in the stream tells how to decode."""
    return _HOLDS if observed.faults.picture_unconfigured else None


def sound_undescribed(observed: Observed) -> Values | None:
    """Sound that nothing in the stream tells how to decode."""
    return _HOLDS if observed.faults.sound_unconfigured else None


def codec_uncommon(observed: Observed) -> Values | None:
    """A codec that current browsers lack."""
    lacking = [
        (t.codec.value, _LACKING[t.codec]) for t in observed.tracks.all if t.codec in _LACKING
    ]
    if not lacking:
        return None
    browsers = dict.fromkeys(name for _, names in lacking for name in names.split(", "))
    return {"codec": ", ".join(codec for codec, _ in lacking), "browsers": ", ".join(browsers)}


def codec_new(observed: Observed) -> Values | None:
    """A codec that only older devices lack."""
    video = observed.tracks.video
    return _HOLDS if video is not None and video.codec is Codec.AV1 else None


def profile_uncommon(observed: Observed) -> Values | None:
    """A profile of the picture's codec that browsers do not decode."""
    video = observed.tracks.video
    if video is None or _COMMON_PROFILES[video.codec].match(video.codec_string):
        return None
    return {"name": video.codec.value, "codec": video.codec_string}


def interlaced(observed: Observed) -> Values | None:
    """Fields, which browsers show as whole pictures."""
    video = observed.tracks.video
    return _HOLDS if video is not None and video.interlaced else None


def high_dynamic_range(observed: Observed) -> Values | None:
    """Brightness and colours that common screens do not have."""
    video = observed.tracks.video
    if video is None or video.color.video_range == "SDR":
        return None
    return {"range": video.color.video_range}


# --- arrival ---


def silent(observed: Observed) -> Values | None:
    """A connection over which nothing comes."""
    silence = observed.measured.silence
    return {"silence": round(silence)} if silence >= SILENT else None


def uplink_stalled(observed: Observed) -> Values | None:
    """Lateness by a full uplink that viewers see."""
    return _late(observed.measured, "uplink", STALLED, math.inf)


def uplink_slow(observed: Observed) -> Values | None:
    """Lateness by a full uplink that the buffers of viewers still cover."""
    return _late(observed.measured, "uplink", LATE, STALLED)


def encoder_slow(observed: Observed) -> Values | None:
    """Frames made more slowly than they are shown. Viewers see it however late the stream is."""
    measured = observed.measured
    if measured.speed is None or measured.speed >= IN_TIME:
        return None
    return _late(measured, "processor", LATE, math.inf)


def stream_stalled(observed: Observed) -> Values | None:
    """Lateness of an unclear cause that viewers see."""
    return _late(observed.measured, "unclear", STALLED, math.inf)


def stream_late(observed: Observed) -> Values | None:
    """Lateness of an unclear cause that the buffers of viewers still cover."""
    return _late(observed.measured, "unclear", LATE, STALLED)


def _late(measured: Measurement, cause: Cause, above: float, most: float) -> Values | None:
    """Values where the stream is late by `cause`; `carried` is what arrives of its `bit_rate`.

    The measured rate is the lower of the two: that of the stream while it catches up.
    """
    if measured.late_by != cause or measured.silence >= SILENT:
        return None
    if not above < measured.arrival_lag <= most or not measured.speed:
        return None
    return {
        "lag": round(measured.arrival_lag, 1),
        "bit_rate": round(measured.bit_rate / min(measured.speed, 1.0)),
        "carried": round(measured.bit_rate * max(measured.speed, 1.0)),
        "made": round(10 * measured.speed, 1),
    }


def frames_dropped(observed: Observed) -> Values | None:
    """Pictures missing between those that arrived."""
    dropped = observed.measured.dropped_frames
    if not observed.frames or dropped <= DROPPED_SHARE * observed.frames:
        return None
    share = round(100 * dropped / (observed.frames + dropped), 1)
    return {"count": dropped, "percent": share}


def bit_rate_high(observed: Observed) -> Values | None:
    """More bits than many viewers receive."""
    rate = observed.measured.bit_rate
    if rate <= HIGH_BIT_RATE:
        return None
    return {"bit_rate": round(rate), "limit": float(HIGH_BIT_RATE)}


# --- key frames ---


def key_frames_missing(observed: Observed) -> Values | None:
    """Pictures at which nobody can begin: intra-refresh, or key frames that never come."""
    measured = observed.measured
    return {"wait": round(measured.since_key_frame)} if measured.key_frame_overdue else None


def key_frames_far_apart(observed: Observed) -> Values | None:
    """A long wait for newcomers."""
    longest = observed.measured.longest_key_frame_interval
    if longest is None or longest <= LONG_KEY_INTERVAL:
        return None
    return {"interval": round(longest, 1)}


def key_frames_irregular(observed: Observed) -> Values | None:
    """Intervals between key frames that differ."""
    shortest = observed.measured.shortest_key_frame_interval
    longest = observed.measured.longest_key_frame_interval
    if shortest is None or longest is None or longest > LONG_KEY_INTERVAL:
        return None
    return {"interval": round(longest, 1)} if longest > 1.5 * shortest + 0.1 else None


# --- stream ---


def recording_stopped(observed: Observed) -> Values | None:
    """A disk that takes nothing of the show."""
    return _HOLDS if observed.recording_stopped else None


def clock_jumps(observed: Observed) -> Values | None:
    """Time stamps that jumped."""
    return {"count": observed.measured.jumps} if observed.measured.jumps else None


def media_damaged(observed: Observed) -> Values | None:
    """Tags that could not be read."""
    return {"count": observed.measured.damaged} if observed.measured.damaged else None


def sound_late(observed: Observed) -> Values | None:
    """Sound that is sent behind the picture of its time."""
    late = observed.faults.sound_lateness
    return {"delay": round(late, 1)} if late > 0 else None


def picture_late(observed: Observed) -> Values | None:
    """A picture that is sent behind the sound of its time."""
    late = -observed.faults.sound_lateness
    return {"delay": round(late, 1)} if late > 0 else None


def sound_unstamped(observed: Observed) -> Values | None:
    """Sound whose stamps do not advance."""
    return _HOLDS if observed.faults.sound_unstamped else None


def reordering_long(observed: Observed) -> Values | None:
    """B-frames that delay the show."""
    delay = observed.measured.composition_delay
    return {"delay": round(delay, 2)} if delay > LONG_REORDERING else None
