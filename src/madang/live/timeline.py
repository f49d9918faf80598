"""The common clock of a show: frames of successive publishers on one clock that never goes back.

RTMP stamps are milliseconds modulo 2**32, start anywhere, and jump when encoders reconnect, sleep
or correct their clocks. Every medium has an offset from stamps to the common clock. Usually both
have the same, which keeps sound and picture together; a frame whose place makes no sense first
tries the other medium's offset, and else goes on right after the newest frame. Behind a jump of
one medium, the other takes whichever of the two continues it best. Sound whose stamps do not
advance with its samples is placed by its samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from madang.live.demux import AudioFrame, VideoFrame
from madang.live.sound_stamps import SoundStamps
from madang.media.track import AccessUnit, AudioTrack, VideoTrack

START: Final = 10_000
"""Milliseconds on the common clock of the first frame. Frames stamped a little earlier than the
first, and negative composition offsets, still have times above 0."""

BEHIND: Final = 10_000
"""Milliseconds that one medium may be behind the other: encoders interleave loosely, and some
send sound and picture seconds apart."""

LATE: Final = 500
"""Milliseconds behind the newest frame from which a medium is taken to arrive apart."""

BACK: Final = 100
"""Milliseconds that a frame may be stamped before the one of its kind sent earlier: jitter."""

GAP: Final = 250
"""Milliseconds without any frame that stay in the stream. A longer hole in all media is closed:
players would stop at it."""

STEPS: Final = 3
"""Frame durations without a frame that stay in a slow stream: slides at one picture a second have
no holes."""

UNKNOWN_STEP: Final = 1_500
"""Milliseconds that may lie between the first two frames, when the frame rate is unknown."""

LONGEST_STEP: Final = 10_000
"""Milliseconds that may lie between two frames of the slowest stream."""

AUDIO_TOLERANCE: Final = 0.06
"""Seconds between an audio stamp and the count of samples that are rounding and jitter."""

ROUNDING: Final = 0.002
"""Seconds that stamps in whole milliseconds may be off."""

_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump of the stamps; `by` is in milliseconds."""

    by: float


@dataclass(slots=True)
class _Medium:
    offset: float | None = None
    last: float | None = None  # on the common clock, in milliseconds
    step: float | None = None  # usual distance of two frames
    ticks: int = -1  # of the last picture, or where the last sound ended
    rate: int = 0  # of these ticks per second
    suspect_until: float = -1.0  # the other medium has jumped, and this one may do so as well
    anchored: bool = False  # whether sound was placed by its stamp since the offset changed

    def move(self, offset: float) -> None:
        """Use another offset from here on."""
        self.anchored = self.anchored and offset == self.offset
        self.offset = offset


@dataclass(slots=True)
class Timeline:
    """The clock of one show. `newest` is the latest instant on it, in milliseconds."""

    newest: float = START
    _video: _Medium = field(default_factory=_Medium)
    _audio: _Medium = field(default_factory=_Medium)
    _stamps: SoundStamps = field(default_factory=SoundStamps)
    _reference: int | None = None  # the last stamp, unwrapped

    @property
    def sound_unstamped(self) -> bool:
        """True where sound is placed by its samples, as its stamps do not advance."""
        return not self._stamps.usable

    @classmethod
    def following(cls, newest: float) -> Timeline:
        """Return a clock for frames that carry the common clock, which is at `newest`.

        The first of them may be older, by what a transcoder keeps and a newcomer is sent at once.
        """
        video, audio = _Medium(offset=0.0), _Medium(offset=0.0)
        return cls(newest=0.0, _video=video, _audio=audio, _reference=round(newest))

    def restart(self) -> None:
        """Begin with a new publisher, whose stamps are unrelated to those before."""
        self._reference = None
        self._stamps = SoundStamps()
        for medium in (self._video, self._audio):
            medium.offset = None
            medium.last = None
            medium.anchored = False
        # What follows must not begin inside what was there.
        self.newest += self._video.step or self._audio.step or 0

    def place_video(self, frame: VideoFrame, track: VideoTrack) -> tuple[AccessUnit, Jump | None]:
        """Return the unit, its times in ticks of `track`, and the jump before it if any."""
        at, jump = self._place(frame.stamp, frame.nanos, self._video, self._audio)
        per_millisecond = track.timescale / 1000
        ticks = max(round(at * per_millisecond), self._video.ticks + 1)
        self._video.ticks = ticks
        shown = ticks + round(frame.composition * per_millisecond)
        return AccessUnit(ticks, max(shown, 0), frame.key, frame.data), jump

    def place_audio(
        self, frame: AudioFrame, track: AudioTrack
    ) -> tuple[AccessUnit | None, Jump | None]:
        """Return the unit, its times in samples, and the jump before it if any.

        Units follow one another sample by sample as long as their stamps agree within
        `AUDIO_TOLERANCE`. One that would lie inside the unit before is dropped: None. Behind a
        jump the stamp alone counts, or sound and picture would be apart from then on.
        """
        medium = self._audio
        if medium.rate != track.timescale:
            if medium.rate:
                medium.ticks = math.ceil(medium.ticks * track.timescale / medium.rate)
            medium.rate = track.timescale
            medium.anchored = False
        per_sample = 1000 / track.timescale
        usable = self._stamps.judge(
            frame.stamp, frame.samples * per_sample, medium.ticks * per_sample
        )
        if not usable and medium.last is not None:
            start, jump = self._follow_samples(medium), None
        else:
            at, jump = self._place(frame.stamp, frame.nanos, medium, self._video)
            stamped = round(at * track.timescale / 1000)
            tolerance = AUDIO_TOLERANCE * track.timescale if medium.anchored else 0
            if stamped < medium.ticks - max(tolerance, ROUNDING * track.timescale):
                return None, jump
            start = medium.ticks if stamped <= medium.ticks + tolerance else stamped
        medium.anchored = True
        medium.ticks = start + frame.samples
        return AccessUnit(start, start, True, frame.data, frame.samples), jump

    def _follow_samples(self, medium: _Medium) -> int:
        """Return where sound goes on, in samples: right after the last, unless samples were lost
        or the clocks of sound and picture have drifted apart."""
        at = medium.ticks * 1000 / medium.rate
        by = self._stamps.correction(self.newest - at)
        medium.last = at + by
        self.newest = max(self.newest, medium.last)
        return medium.ticks + round(by * medium.rate / 1000)

    def _place(
        self, stamp: int, nanos: int, medium: _Medium, other: _Medium
    ) -> tuple[float, Jump | None]:
        raw = self._unwrap(stamp) + nanos / 1e6
        jump = None
        step = medium.step if medium.step is not None and medium.last is not None else 0.0
        offset = self._sensible_offset(raw, medium, other)
        if offset is not None:
            at = raw + offset
        else:
            at = self.newest + step
            if medium.offset is not None:
                jump = Jump(raw + medium.offset - at)
                other.suspect_until = at + BEHIND
            offset = at - raw
        medium.move(offset)
        if medium.last is not None and at > medium.last and jump is None:
            step = at - medium.last
            medium.step = step if medium.step is None else medium.step + (step - medium.step) / 8
        medium.last = at
        self.newest = max(self.newest, at)
        return at, jump

    def _sensible_offset(self, raw: float, medium: _Medium, other: _Medium) -> float | None:
        offsets = [offset for offset in (medium.offset, other.offset) if offset is not None]
        late = medium.last is not None and self.newest - medium.last > LATE
        if self.newest < medium.suspect_until:
            if late and medium.last is not None:
                # What comes may be from before the jump.
                expected = medium.last + (medium.step or 0.0) - raw
                offsets.sort(key=lambda offset: abs(offset - expected))
            else:
                offsets.reverse()
        for offset in offsets:
            if self._makes_sense(raw + offset, medium):
                if offset != medium.offset or not late:
                    medium.suspect_until = -1.0
                return offset
        return None

    def _makes_sense(self, at: float, medium: _Medium) -> bool:
        if self._video.last is None and self._audio.last is None:
            return True  # the first of all
        ahead = at - self.newest
        limit: float = UNKNOWN_STEP
        if medium.last is None:
            limit = BEHIND  # the other medium may be the one that is behind
        elif medium.step is not None:
            limit = max(GAP, min(STEPS * medium.step, LONGEST_STEP))
        if ahead > limit or ahead < -BEHIND:
            return False
        return medium.last is None or at >= medium.last - BACK

    def _unwrap(self, stamp: int) -> int:
        if self._reference is None:
            self._reference = stamp
        else:
            self._reference += (stamp - self._reference + _HALF) % _WRAP - _HALF
        return self._reference
