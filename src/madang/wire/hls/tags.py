"""Lines, tags and attribute values, parsed and written (RFC 8216bis, sections 4.1 and 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from madang.base.errors import LimitExceeded
from madang.wire.hls.model import ByteRange, PlaylistError

MAX_PLAYLIST_CHARS = 8 * 1024 * 1024
"""Twelve hours of 2 s segments, with every tag that Madang writes, are under 5 MB."""

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]+)(?:,|\Z)')
# Twenty digits hold the largest integer of section 4.2, 2^64 - 1.
_INTEGER = re.compile(r"[0-9]{1,20}")
_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{0,20})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def lines(text: str) -> Iterator[str]:
    """Return the lines after the first, without blank lines and comments.

    Raises PlaylistError if the text does not begin with EXTM3U (section 4.4.1.1) or has control
    characters (section 4.1), LimitExceeded if it is longer than MAX_PLAYLIST_CHARS.
    """
    if len(text) > MAX_PLAYLIST_CHARS:
        raise LimitExceeded("MAX_PLAYLIST_CHARS", f"The playlist has {len(text)} characters.")
    first, *rest = (line.removesuffix("\r") for line in text.split("\n"))
    if first != "#EXTM3U":
        raise PlaylistError("The playlist does not begin with #EXTM3U.")
    for line in rest:
        if _CONTROL.search(line):
            raise PlaylistError(f"A line has a control character: {line[:80]!r}.")
        if line and (not line.startswith("#") or line.startswith("#EXT")):
            yield line


def attributes(value: str) -> dict[str, str]:
    """Return the attributes of a tag by name, unquoted. Raises PlaylistError."""
    found: dict[str, str] = {}
    position = 0
    while position < len(value):
        match = _ATTRIBUTE.match(value, position)
        if match is None or match[1] in found:
            raise PlaylistError(f"Not an attribute list: {value[:80]!r}.")
        found[match[1]] = match[2].strip('"')
        position = match.end()
    return found


def required(found: dict[str, str], name: str) -> str:
    """Return the attribute `name`. Raises PlaylistError if it is missing."""
    try:
        return found[name]
    except KeyError:
        raise PlaylistError(f"The attribute {name} is missing.") from None


def integer(value: str) -> int:
    """Parse a decimal-integer. Raises PlaylistError."""
    if not _INTEGER.fullmatch(value):
        raise PlaylistError(f"Not an integer: {value[:40]!r}.")
    return int(value)


def decimal(value: str) -> float:
    """Parse a decimal-floating-point. Raises PlaylistError."""
    if not _DECIMAL.fullmatch(value):
        raise PlaylistError(f"Not a decimal number: {value[:40]!r}.")
    return float(value)


def byte_range(value: str) -> ByteRange:
    """Parse a length and an offset, as in "1000@500". Raises PlaylistError."""
    length, _, offset = value.partition("@")
    return ByteRange(integer(offset), integer(length))


def resolution(value: str) -> tuple[int, int]:
    """Parse a decimal-resolution: width and height. Raises PlaylistError."""
    width, _, height = value.partition("x")
    return integer(width), integer(height)


def instant(value: str) -> datetime:
    """Parse a time with zone; return it in UTC (section 4.4.4.6). Raises PlaylistError."""
    try:
        when = datetime.fromisoformat(value)
        if when.tzinfo is not None:
            return when.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PlaylistError(f"Not a time with a zone: {value[:40]!r}.")


def write_decimal(value: float) -> str:
    """Format to 10 microseconds: finer than a tick of 90 kHz, without exponent."""
    return f"{value:.5f}".rstrip("0").removesuffix(".")


def write_instant(when: datetime) -> str:
    """Format in UTC to the millisecond. Raises ValueError for a time without zone."""
    if when.tzinfo is None:
        raise ValueError("a program date time needs a zone")
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def quoted(value: str) -> str:
    """Return a quoted-string. Raises ValueError for characters that it cannot contain."""
    if '"' in value or _CONTROL.search(value):
        raise ValueError(f"cannot be quoted in a playlist: {value!r}")
    return f'"{value}"'


def uri_line(uri: str) -> str:
    """Return a URI line. Raises ValueError for text that would be parsed as something else."""
    if not uri or uri.startswith("#") or _CONTROL.search(uri):
        raise ValueError(f"cannot be a line of a playlist: {uri!r}")
    return uri
