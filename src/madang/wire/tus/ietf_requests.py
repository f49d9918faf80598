"""Requests of Resumable Uploads for HTTP that create uploads and append to them
(draft-ietf-httpbis-resumable-upload)."""

from __future__ import annotations

from collections.abc import Mapping

from madang.wire.tus.checksum import parse_content_digest
from madang.wire.tus.commands import Append, Content, Create, UploadRequest
from madang.wire.tus.heads import (
    IETF_MEDIA_TYPE,
    check_room,
    check_size,
    content_size,
    inconsistent,
    invalid,
    media_type,
    media_type_error,
)
from madang.wire.tus.limits import UploadLimits
from madang.wire.tus.metadata import disposition_filename, parse_metadata, serialise_metadata
from madang.wire.tus.model import Dialect, Kind
from madang.wire.tus.problems import Problem, UploadError
from madang.wire.tus.structured import StructuredFieldError, parse_item


def creation(request: UploadRequest, limits: UploadLimits) -> Create:
    """Return the creation of an upload. Raises UploadError."""
    fields = request.fields
    content = _content(fields, limits)
    length = _length(fields, 0, content)
    check_size(length, limits)
    check_room(content.size, limits.size)
    values = parse_metadata(fields.get("upload-metadata", ""), limits.metadata)
    filename = disposition_filename(fields.get("content-disposition", ""))
    if filename:
        values.setdefault("filename", filename.encode(errors="replace"))
    filetype = media_type(fields)
    if filetype and filetype != IETF_MEDIA_TYPE:
        values.setdefault("filetype", filetype.encode())
    metadata = serialise_metadata(values)
    parse_metadata(metadata, limits.metadata)
    return Create(request, Dialect.IETF, Kind.PLAIN, length, metadata, content)


def append(request: UploadRequest, limits: UploadLimits) -> Append:
    """Return an append. Raises UploadError."""
    fields = request.fields
    if media_type(fields) != IETF_MEDIA_TYPE:
        raise media_type_error(IETF_MEDIA_TYPE)
    offset = _count(fields, "upload-offset")
    if offset is None:
        raise invalid("Send the field Upload-Offset, a number of bytes.")
    content = _content(fields, limits)
    length = _length(fields, offset, content)
    return Append(request, Dialect.IETF, offset, length, content)


def _content(fields: Mapping[str, str], limits: UploadLimits) -> Content:
    completes = _structured(fields, "upload-complete")
    if not isinstance(completes, bool):
        raise invalid("Send the field Upload-Complete, ?1 or ?0.")
    content = Content(
        content_size(fields),
        parse_content_digest(fields.get("content-digest", "")),
        completes=completes,
    )
    if content.size is not None and limits.max_append and content.size > limits.max_append:
        words = f"One request holds at most {limits.max_append} bytes."
        raise UploadError(Problem.TOO_LARGE, words)
    short = content.size is not None and content.size < (limits.min_append or 0)
    if short and not completes and content.size:
        raise invalid(f"One request holds at least {limits.min_append} bytes.")
    return content


def _length(fields: Mapping[str, str], offset: int, content: Content) -> int | None:
    """Return the length of the upload (section "Length" of the draft): Upload-Length, and the end
    of the content that completes it."""
    length = _count(fields, "upload-length")
    if content.size is None:
        return length
    end = offset + content.size
    if length is not None and (end > length or (content.completes and end != length)):
        raise inconsistent(f"The content ends at {end}, Upload-Length is {length}.")
    return end if content.completes else length


def _count(fields: Mapping[str, str], name: str) -> int | None:
    value = _structured(fields, name)
    return value if type(value) is int and value >= 0 else None


def _structured(fields: Mapping[str, str], name: str) -> object:
    """Return the value of an Item field, None for one that is missing or to be ignored."""
    try:
        return parse_item(fields[name]).value if name in fields else None
    except StructuredFieldError:
        return None
