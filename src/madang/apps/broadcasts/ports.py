"""What is on the air now, as the data plane tells it: values, a port, and nobody on the air.

The station installs the data plane's directory at its start. Where none runs (a command, a test,
the `web` role), `NullDirectory` answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol

LiveState = Literal["starting", "live", "interrupted"]
AdviceValue = float | str


@dataclass(frozen=True, slots=True)
class RenditionStatus:
    """One rendition on offer. Size in pixels, frame rate in frames and bit rate in bits a second.

    An audio-only rendition has the size 0 x 0.
    """

    name: str
    width: int
    height: int
    frame_rate: float | None
    codecs: str
    bitrate: float


@dataclass(frozen=True, slots=True)
class AdviceStatus:
    """One thing that the encoder should do otherwise, by the codes of `madang.live.advice`."""

    code: str
    severity: str
    values: Mapping[str, AdviceValue]


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """One channel on the air. Times and lags in seconds, rates in bits a second, sizes in bytes."""

    slug: str
    title: str
    state: LiveState
    since: datetime
    viewers: int
    peak_viewers: int
    bitrate: float
    codecs: str
    renditions: tuple[RenditionStatus, ...]
    publisher: str
    encoder: str
    frame_rate: float | None
    keyframe_interval: float | None
    dropped_frames: int
    arrival_lag: float
    part_lag: float
    disconnects: int
    bytes_in: int
    bytes_out: int
    advice: tuple[AdviceStatus, ...]
    poster: str | None


class LiveDirectory(Protocol):
    """What the control plane may ask of the data plane. Every call answers from memory, at once,
    from any thread."""

    def snapshot(self) -> Mapping[str, LiveStatus]:
        """Who is on the air, by slug."""

    def channel_changed(self, slug: str) -> None:
        """The title, description or language of a channel changed: tell its viewers."""

    def disconnect(self, slug: str, reason: str) -> None:
        """End the connection of the channel's publisher, telling the encoder why."""


class NullDirectory:
    """The directory of a process without a data plane."""

    def snapshot(self) -> Mapping[str, LiveStatus]:
        """Nobody is on the air here."""
        return MappingProxyType({})

    def channel_changed(self, slug: str) -> None:
        """There are no viewers to tell."""

    def disconnect(self, slug: str, reason: str) -> None:
        """There is no publisher to disconnect."""


_installed: LiveDirectory = NullDirectory()


def directory() -> LiveDirectory:
    """The directory of this process."""
    return _installed


def install(new: LiveDirectory) -> None:
    """Make `new` the directory of this process."""
    global _installed  # noqa: PLW0603  # one process has one data plane
    _installed = new


def operator_view(status: LiveStatus) -> dict[str, object]:
    """`status` as `madang status` and `/live/status.json` show it to the operator."""
    return {
        "slug": status.slug,
        "title": status.title,
        "state": status.state,
        "since": rfc3339(status.since),
        "viewers": status.viewers,
        "peak_viewers": status.peak_viewers,
        "bitrate": status.bitrate,
        "codecs": status.codecs,
        "renditions": [rendition.name for rendition in status.renditions],
        "publisher": status.publisher,
        "encoder": status.encoder,
        "bytes_in": status.bytes_in,
        "bytes_out": status.bytes_out,
    }


def rfc3339(instant: datetime) -> str:
    """`instant`, which is aware and UTC, as RFC 3339 writes it, to the millisecond."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
