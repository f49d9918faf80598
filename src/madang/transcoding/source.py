"""Facts about a file of somebody, as far as decisions need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from madang.base.errors import ParseError
from madang.media.track import UNKNOWN_COLOR, Color

INTERLACED: Final = "interlaced"
PROGRESSIVE: Final = "progressive"


@dataclass(frozen=True, slots=True)
class VideoStream:
    """A stream of pictures. Codec, profile and pixel format by ffmpeg's names, `tag` is the
    container's four characters.

    Size in coded pixels, each `pixel_aspect` times as wide as high; `rotation` is by how many
    degrees the picture is turned clockwise to be shown, in quarters of a turn. `average_rate` is in
    frames per second over all of the file, `real_rate` the one that its times are multiples of.
    `duration` is in seconds, `frames` their number; None and 0 where the container does not say.
    `encrypted`: it cannot be decoded without a key.
    """

    index: int
    codec: str
    profile: str = ""
    tag: str = ""
    pixel_format: str = ""
    width: int = 0
    height: int = 0
    pixel_aspect: Fraction = Fraction(1)
    rotation: int = 0
    average_rate: Fraction | None = None
    real_rate: Fraction | None = None
    field_order: str = PROGRESSIVE
    color: Color = UNKNOWN_COLOR
    duration: float | None = None
    frames: int = 0
    language: str = ""
    encrypted: bool = False

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels, as viewers see it."""
        width, height = round(self.width * self.pixel_aspect), self.height
        return (height, width) if self.rotation % 180 else (width, height)

    @property
    def short_side(self) -> int:
        """The shorter side of the picture, in square pixels: 720 of a video in 720p, upright or
        not."""
        return min(self.display_size)

    @property
    def hdr(self) -> bool:
        """Return whether the picture has a high dynamic range."""
        return self.color.video_range != "SDR"


@dataclass(frozen=True, slots=True)
class AudioStream:
    """A sound track. `sample_rate` in Hz, `duration` in seconds, None where it is not known."""

    index: int
    codec: str
    profile: str = ""
    tag: str = ""
    sample_rate: int = 0
    channels: int = 0
    duration: float | None = None
    language: str = ""
    title: str = ""
    default: bool = False
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class TextStream:
    """A track of subtitles that are text."""

    index: int
    language: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A file: its container by ffmpeg's name, bytes, seconds (None where it does not say), and the
    streams that can be used. `truncated`: the container names data that the file does not have.
    `title` is the one that the container has."""

    format: str
    size: int
    duration: float | None
    video: tuple[VideoStream, ...] = ()
    audio: tuple[AudioStream, ...] = ()
    subtitles: tuple[TextStream, ...] = ()
    truncated: bool = False
    title: str = ""

    @property
    def picture(self) -> VideoStream | None:
        """The stream of pictures that is shown."""
        return max(self.video, key=lambda each: each.width * each.height, default=None)

    @property
    def sounds(self) -> tuple[AudioStream, ...]:
        """The sound tracks: first the one that is heard, which is the first default."""
        return tuple(sorted(self.audio, key=lambda each: (not each.default, each.index)))

    @property
    def sound(self) -> AudioStream | None:
        """The sound track that is heard."""
        return next(iter(self.sounds), None)

    @property
    def length(self) -> float | None:
        """Seconds that are shown: of the picture where it says, as sound may go on behind it."""
        picture = self.picture
        known = None if picture is None else picture.duration
        return self.duration if known is None else known


def decode_source(fields: Mapping[str, Any]) -> Source:
    """Return the source that the fields of a JSON object describe. Raises ParseError."""
    try:
        return Source(
            format=fields["format"],
            size=fields["size"],
            duration=fields["duration"],
            video=tuple(_video(each) for each in fields["video"]),
            audio=tuple(AudioStream(**each) for each in fields["audio"]),
            subtitles=tuple(TextStream(**each) for each in fields["subtitles"]),
            truncated=fields["truncated"],
            title=str(fields.get("title", "")),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ParseError(f"The description of a file cannot be read: {error}.") from None


def _video(fields: Mapping[str, Any]) -> VideoStream:
    rest = dict(fields)
    primaries, transfer, matrix, full_range = rest.pop("color")
    aspect, average, real = (
        _fraction(rest.pop(name)) for name in ("pixel_aspect", "average_rate", "real_rate")
    )
    return VideoStream(
        **rest,
        pixel_aspect=aspect or Fraction(1),
        average_rate=average,
        real_rate=real,
        color=Color(primaries, transfer, matrix, full_range=full_range),
    )


def _fraction(text: str) -> Fraction | None:
    """Return a positive fraction; None for anything else."""
    number = Fraction(text) if text else Fraction(0)
    return number if number > 0 else None
