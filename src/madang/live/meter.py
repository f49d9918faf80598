"""Measurements of an encoder: rates, key frames, losses and lateness, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from madang.live.pace import BURST, Cause, Pace

WINDOW: Final = 10
"""Seconds over which bit and frame rates are averaged."""

MISSED: Final = 1.6
"""A step between pictures of more than that many usual steps has pictures missing in it."""

STEADY: Final = 16
"""Steps after which the usual one is known well enough to miss pictures."""


OVERDUE: Final = 10.0
"""Seconds without a key frame after which newcomers are told that they wait for one."""

LONGEST_STEP: Final = 1.0
"""Seconds between two frames, beyond which the encoder left something out."""

DRIFT: Final = 0.001
"""Seconds per second by which an encoder's clock may be slower than ours."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Rates per second over `WINDOW`, or per second of the stream while it catches up after a
    stall; times in seconds, `dropped_frames` since the start."""

    bit_rate: float = 0.0
    frame_rate: float | None = None
    key_frame_interval: float | None = None
    shortest_key_frame_interval: float | None = None
    longest_key_frame_interval: float | None = None
    since_key_frame: float = 0.0
    """Seconds of pictures since the last key frame, or since the first picture before any."""
    dropped_frames: int = 0
    arrival_lag: float = 0.0
    speed: float | None = None
    """Seconds of the stream that arrive in a second."""
    late_by: Cause = "unclear"
    silence: float = 0.0
    """Seconds since the last byte."""
    composition_delay: float = 0.0
    damaged: int = 0
    jumps: int = 0

    @property
    def key_frame_overdue(self) -> bool:
        """True where nobody can begin to watch, for longer than key frames were apart so far."""
        longest = self.longest_key_frame_interval or 0.0
        return self.since_key_frame > max(OVERDUE, 1.5 * longest)


@dataclass(slots=True)
class _Second:
    at: int = -1
    bytes: int = 0
    frames: int = 0
    stream: float = 0.0


@dataclass(slots=True)
class Meter:
    """`now` is a monotonic clock, `at` the stream's clock, both in seconds."""

    dropped_frames: int = 0
    damaged: int = 0
    jumps: int = 0
    _seconds: list[_Second] = field(default_factory=lambda: [_Second() for _ in range(WINDOW + 1)])
    _began: float | None = None
    _last_picture: float | None = None
    _step: float = 0.0
    _steps: int = 0
    _last_key: float | None = None
    _first_picture: float | None = None
    _intervals: list[float] = field(default_factory=list)
    _lead: float | None = None
    _clocked: float = 0.0
    _lag: float = 0.0
    _pace: Pace = field(default_factory=Pace)
    _clock: tuple[float, float] | None = None  # stamp and arrival of the last frame
    _received: int = 0  # bytes since then
    _heard: float | None = None
    _composition: float = 0.0

    def restart(self) -> None:
        """Begin with another publisher; the time between the two is not counted as loss."""
        self._last_picture = None
        self._last_key = None
        self._first_picture = None
        self._lead = None
        self._clock = None
        self._lag = 0.0
        self._pace = Pace()
        self._step = 0.0
        self._steps = 0
        self._intervals.clear()

    def jumped(self) -> None:
        """Note a jump of the stream's clock; lateness counts from there."""
        self.jumps += 1
        self._lead = None
        self._clock = None

    def clock_replaced(self) -> None:
        """Note that another medium is the clock; lateness counts from there."""
        self._lead = None

    def received(self, size: int, now: float) -> None:
        """Note `size` bytes from the encoder."""
        self._second(now).bytes += size
        self._received += size
        self._heard = now

    def clock(self, at: float, now: float) -> None:
        """Note the arrival of a frame stamped `at`. A growing delay means a slow encoder."""
        lead = now - at
        if self._lead is None:
            self._lead = lead
            self._clocked = now
        # A slow drift is that of the encoder's clock against ours, not the uplink.
        self._lead = min(lead, self._lead + DRIFT * (now - self._clocked))
        self._clocked = now
        late = lead - self._lead
        self._lag += (late - self._lag) / 32
        if self._clock is not None:
            step, gap = at - self._clock[0], now - self._clock[1]
            self._second(now).stream += min(max(step, 0.0), LONGEST_STEP)
            self._pace.note(self._received, step, gap, now, late=late > BURST)
        self._clock = (at, now)
        self._received = 0

    def picture(self, at: float, now: float, *, key: bool, composition: float) -> None:
        """Note a picture."""
        self._second(now).frames += 1
        self._composition = max(composition, self._composition * 0.99)
        if self._last_picture is not None:
            self._note_step(at - self._last_picture)
        self._last_picture = at
        if self._first_picture is None:
            self._first_picture = at
        if key:
            if self._last_key is not None:
                self._intervals = [*self._intervals[-4:], at - self._last_key]
            self._last_key = at

    def measurement(self, now: float) -> Measurement:
        """Return the measurement at `now`."""
        second = int(now)
        past = [s for s in self._seconds if second - WINDOW <= s.at < second]
        began = self._began if self._began is not None else now
        span = min(float(WINDOW), second - began)
        if span < 1:  # the first second: better an estimate than nothing
            past, span = self._seconds, max(now - began, 0.1)
        frames = sum(s.frames for s in past)
        stream = sum(s.stream for s in past)
        longest = max(span, stream)  # what comes at once after a stall is not a higher rate
        return Measurement(
            bit_rate=sum(s.bytes for s in past) * 8 / longest,
            frame_rate=frames / longest if frames else None,
            key_frame_interval=self._intervals[-1] if self._intervals else None,
            shortest_key_frame_interval=min(self._intervals, default=None),
            longest_key_frame_interval=max(self._intervals, default=None),
            since_key_frame=self._since_key_frame(),
            dropped_frames=self.dropped_frames,
            arrival_lag=max(self._lag, 0.0),
            speed=stream / span if stream else None,
            late_by=self._pace.cause(now),
            silence=now - self._heard if self._heard is not None else 0.0,
            composition_delay=self._composition,
            damaged=self.damaged,
            jumps=self.jumps,
        )

    def _since_key_frame(self) -> float:
        begun = self._last_key if self._last_key is not None else self._first_picture
        return self._last_picture - begun if begun is not None and self._last_picture else 0.0

    def _second(self, now: float) -> _Second:
        if self._began is None:
            self._began = now
        at = int(now)
        second = self._seconds[at % len(self._seconds)]
        if second.at != at:
            second.at, second.bytes, second.frames, second.stream = at, 0, 0, 0.0
        return second

    def _note_step(self, step: float) -> None:
        if step <= 0:
            return
        usual = self._step
        if self._steps >= STEADY and step > MISSED * usual:
            self.dropped_frames += round(step / usual) - 1
            step = usual  # one hole says nothing of the usual distance
        self._step += (step - usual) / min(self._steps + 1, 64)
        self._steps += 1
