"""Requests of tus 1.0 that create uploads and append to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from madang.wire.tus.checksum import Checksum, parse_checksum
from madang.wire.tus.commands import Append, Concatenate, Content, Create, UploadRequest
from madang.wire.tus.heads import (
    COUNT,
    TUS_MEDIA_TYPE,
    check_room,
    check_size,
    content_size,
    invalid,
    media_type,
    media_type_error,
)
from madang.wire.tus.limits import UploadLimits
from madang.wire.tus.metadata import parse_metadata
from madang.wire.tus.model import Dialect, Kind

_URL: Final = re.compile(r"[!-~]+")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def creation(
    request: UploadRequest, limits: UploadLimits, base: str, trailers: bool
) -> Create | Concatenate:
    """Return the creation of an upload, or of a final one. Raises UploadError."""
    fields = request.fields
    metadata = fields.get("upload-metadata", "").strip(" \t")
    parse_metadata(metadata, limits.metadata)
    length = _count(fields, "upload-length")
    concat = fields.get("upload-concat", "").strip(" \t")
    if concat.startswith("final;"):
        if content_size(fields) != 0:
            raise invalid("The creation of a final upload takes no data.")
        parts = _part_ids(concat.removeprefix("final;"), base, limits.parts)
        return Concatenate(request, parts, concat, length, metadata)
    if concat not in {"", Kind.PARTIAL}:
        raise invalid("Upload-Concat is `partial`, or `final;` and addresses.")
    deferred = fields.get("upload-defer-length")
    if deferred is not None and deferred.strip() != "1":
        raise invalid("Upload-Defer-Length is 1 or left out.")
    if (length is None) == (deferred is None):
        raise invalid("Send either Upload-Length or Upload-Defer-Length.")
    content = _content(fields, trailers)
    check_size(length, limits)
    check_room(content.size, limits.size if length is None else length)
    kind = Kind.PARTIAL if concat else Kind.PLAIN
    return Create(request, Dialect.TUS, kind, length, metadata, content)


def append(request: UploadRequest, trailers: bool) -> Append:
    """Return an append. Raises UploadError."""
    fields = request.fields
    if media_type(fields) != TUS_MEDIA_TYPE:
        raise media_type_error(TUS_MEDIA_TYPE)
    offset = _count(fields, "upload-offset")
    if offset is None:
        raise invalid("Send the field Upload-Offset.")
    length = _count(fields, "upload-length")
    return Append(request, Dialect.TUS, offset, length, _content(fields, trailers))


def _content(fields: Mapping[str, str], trailers: bool) -> Content:
    size = content_size(fields)
    if size != 0 and media_type(fields) != TUS_MEDIA_TYPE:
        raise media_type_error(TUS_MEDIA_TYPE)
    given = fields.get("upload-checksum")
    announced = {name.strip().lower() for name in fields.get("trailer", "").split(",")}
    if given is not None:
        return Content(size, parse_checksum(given))
    return Content(size, trailer=trailers and size is None and "upload-checksum" in announced)


def _count(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name)
    if text is None:
        return None
    if not COUNT.fullmatch(text.strip(" \t")):
        raise invalid(f"{name.title()} is a number of bytes.")
    return int(text)


def _part_ids(text: str, base: str, limit: int) -> tuple[str, ...]:
    """Return the IDs of the uploads at `text`, absolute or relative URLs separated by spaces."""
    path = urlsplit(base).path
    ids: list[str] = []
    for url in text.split(" "):
        if not url:
            continue
        try:
            found = urlsplit(urljoin(path, url))
            upload_id = unquote(found.path.removeprefix(path))
        except ValueError:
            upload_id = ""
        known = _URL.fullmatch(url) and _ID.fullmatch(upload_id)
        if not known or not found.path.startswith(path) or found.query:
            raise invalid(f"{url[:100]!r} in Upload-Concat is not the address of an upload.")
        ids.append(upload_id)
    if not 0 < len(ids) <= limit:
        raise invalid(f"Upload-Concat has between 1 and {limit} addresses.")
    return tuple(ids)


def checksum_in(content: Content, trailers: Mapping[str, str]) -> Checksum | None:
    """Return the checksum of the content, from the trailers if it was announced there. Raises
    UploadError."""
    if not content.trailer:
        return content.checksum
    if "upload-checksum" not in trailers:
        raise invalid("The trailer Upload-Checksum was announced and is missing.")
    return parse_checksum(trailers["upload-checksum"])
