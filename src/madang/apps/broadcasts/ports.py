"""Live status of channels: values, and the port to the data plane.

The station installs the data plane's directory at its start. In a process without one (a command, a
test, the `web` role) `NullDirectory` answers.
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
    """A rendition. Size in pixels, frame rate in frames and bit rate in bits per second.

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
    """A problem of the encoder's settings, by the codes of `madang.live.advice`."""

    code: str
    severity: str
    values: Mapping[str, AdviceValue]


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """A live channel. Times and lags in seconds, rates in bits per second, sizes in bytes.

    `recording_id` is that of the recording which is being written, also where it goes with the
    show: then `recording_kept` is false.
    """

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
    takeovers: int = 0
    recording_id: str | None = None
    recording_kept: bool = False

    @property
    def kept_as(self) -> str | None:
        """Id of the video that the show becomes, None if it is not kept."""
        return self.recording_id if self.recording_kept else None


class LiveDirectory(Protocol):
    """Port to the data plane. Calls answer from memory, at once, from any thread."""

    def snapshot(self) -> Mapping[str, LiveStatus]:
        """Return the live channels, by slug."""

    def channel_changed(self, slug: str) -> None:
        """Notify viewers of a change of the channel's title, description or language."""

    def disconnect(self, slug: str, reason: str) -> None:
        """Disconnect the channel's publisher, with a reason for the encoder."""


class NullDirectory:
    """Directory of a process without a data plane."""

    def snapshot(self) -> Mapping[str, LiveStatus]:
        """Return an empty mapping."""
        return MappingProxyType({})

    def channel_changed(self, slug: str) -> None:
        """Do nothing."""

    def disconnect(self, slug: str, reason: str) -> None:
        """Do nothing."""


_installed: LiveDirectory = NullDirectory()


def directory() -> LiveDirectory:
    """Return the directory of this process."""
    return _installed


def install(new: LiveDirectory) -> None:
    """Set the directory of this process."""
    global _installed  # noqa: PLW0603  # one process has one data plane
    _installed = new


def operator_view(status: LiveStatus) -> dict[str, object]:
    """Return `status` as shown by `madang status` and `/live/status.json`."""
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
        "recording_id": status.kept_as,
        "rewind_url": rewind_url(status.recording_id),
    }


def rewind_url(recording_id: str | None) -> str | None:
    """Return the path of the playlist of a recording."""
    return None if recording_id is None else f"/vod/{recording_id}/index.m3u8"


def rfc3339(instant: datetime) -> str:
    """Format an aware UTC time by RFC 3339, to the millisecond."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
