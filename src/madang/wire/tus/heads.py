"""Fields and limits that both protocols share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from madang.wire.tus.limits import UploadLimits
from madang.wire.tus.problems import Details, Problem, UploadError

TUS_MEDIA_TYPE: Final = "application/offset+octet-stream"
IETF_MEDIA_TYPE: Final = "application/partial-upload"
"""Media types of the content of a PATCH request."""

COUNT: Final = re.compile(r"\d{1,18}", re.ASCII)
"""Number of bytes."""


def combined(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return fields by name in lower case, lines of one name joined by a comma (RFC 9110, section
    5.3)."""
    fields: dict[str, str] = {}
    for name, value in lines:
        key = name.lower()
        fields[key] = f"{fields[key]}, {value}" if key in fields else value
    return fields


def content_size(fields: Mapping[str, str]) -> int | None:
    """Return the size of the content, 0 without one, None for a chunked one. Raises UploadError."""
    if "transfer-encoding" in fields:
        return None
    text = fields.get("content-length", "0").strip(" \t")
    if not COUNT.fullmatch(text):
        raise invalid("Content-Length is a number of bytes.")
    return int(text)


def media_type(fields: Mapping[str, str]) -> str:
    """Return the media type of the content without parameters, in lower case."""
    return fields.get("content-type", "").partition(";")[0].strip(" \t").lower()


def check_size(length: int | None, limits: UploadLimits) -> None:
    """Raise UploadError for an upload that is larger than the limit."""
    if length is not None and length > limits.size:
        words = f"An upload has at most {limits.size} bytes, this one {length}."
        raise UploadError(Problem.TOO_LARGE, words)


def check_room(size: int | None, room: int) -> None:
    """Raise UploadError for content that is larger than what the upload lacks."""
    if size is not None and size > room:
        words = f"The content has {size} bytes, the upload lacks {room}."
        raise UploadError(Problem.TOO_LARGE, words)


def inconsistent(words: str, offset: int | None = None) -> UploadError:
    """Return the refusal of lengths that differ."""
    return UploadError(Problem.INCONSISTENT_LENGTH, words, details=Details(offset))


def media_type_error(expected: str) -> UploadError:
    """Return the refusal of content of another media type."""
    return UploadError(Problem.MEDIA_TYPE, f"Data of an upload has the media type {expected}.")


def invalid(words: str) -> UploadError:
    """Return the refusal of a malformed request."""
    return UploadError(Problem.INVALID, words)
