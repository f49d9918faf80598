"""The events of a show.

A show reports every change as an event, in order. The events of a rendition carry the very bytes
that viewers are served: the init sections and parts of one rendition, joined, are its stream as
fragmented MP4. No event of a rendition comes before `ShowOpened` or after `ShowEnded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from madang.live.demux import Notice, Tracks
from madang.live.files import MediaFile


@dataclass(frozen=True, slots=True)
class ShowOpened:
    """The show can be watched. What was buffered so far follows as parts."""


@dataclass(frozen=True, slots=True)
class InitChanged:
    """The init section of the parts that follow. The first event of every rendition."""

    rendition: str
    file: MediaFile
    tracks: Tracks


@dataclass(frozen=True, slots=True)
class PartAdded:
    """A new part: number `index` (from 0) of the segment with media sequence number `msn`.

    `duration` is in seconds, `date` the program date of the first instant, `independent` is true
    where decoding can begin with the part. `discontinuity` is true for the first part behind one
    (RFC 8216bis, section 4.4.4.3).
    """

    rendition: str
    file: MediaFile
    msn: int
    index: int
    duration: float
    date: datetime
    independent: bool
    discontinuity: bool


@dataclass(frozen=True, slots=True)
class SegmentEnded:
    """All `parts` of a segment have been added. `duration` is in seconds, `date` and
    `discontinuity` are those of its first part."""

    rendition: str
    msn: int
    parts: int
    duration: float
    date: datetime
    discontinuity: bool


@dataclass(frozen=True, slots=True)
class RenditionEnded:
    """A transcoded rendition ended before the show, which goes on without it."""

    rendition: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The encoder is gone; the show waits for it until the grace period is over."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The encoder, or another one, goes on with the show."""


@dataclass(frozen=True, slots=True)
class ShowEnded:
    """The show is over."""


RenditionEvent = InitChanged | PartAdded | SegmentEnded
ShowEvent = (
    RenditionEvent | ShowOpened | RenditionEnded | Interrupted | Resumed | ShowEnded | Notice
)
