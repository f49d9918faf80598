"""Responses of both protocols: status, fields and problem documents."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from madang.wire.tus.checksum import ALGORITHMS
from madang.wire.tus.commands import UploadRequest
from madang.wire.tus.heads import IETF_MEDIA_TYPE, TUS_MEDIA_TYPE
from madang.wire.tus.limits import UploadLimits
from madang.wire.tus.model import Dialect, Kind, State, Upload
from madang.wire.tus.problems import REGISTRY, Problem, UploadError
from madang.wire.tus.requests import TUS_VERSION
from madang.wire.tus.structured import MAX_INTEGER, Item, serialise_dictionary

INTEROP_VERSION: Final = "8"
"""Version of draft-ietf-httpbis-resumable-upload."""

PREFLIGHT_AGE: Final = 24 * 3600
"""Seconds for which a browser may keep the answer to a preflight request."""

_METHODS: Final = "POST, PUT, HEAD, GET, PATCH, DELETE, OPTIONS"
_EXTENSIONS: Final = (
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,"
    "concatenation"
)
_REQUEST_FIELDS: Final = (
    "Authorization, Content-Type, Content-Disposition, Content-Digest, Tus-Resumable, "
    "Upload-Checksum, Upload-Complete, Upload-Concat, Upload-Defer-Length, "
    "Upload-Draft-Interop-Version, Upload-Length, Upload-Metadata, Upload-Offset, "
    "X-HTTP-Method-Override, X-Request-ID, X-Requested-With"
)
_RESPONSE_FIELDS: Final = (
    "Location, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Complete, Upload-Concat, Upload-Defer-Length, Upload-Draft-Interop-Version, "
    "Upload-Expires, Upload-Length, Upload-Limit, Upload-Metadata, Upload-Offset"
)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """A response. A server adds Content-Length, and fields of its own."""

    status: int
    headers: Headers
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """Return the value of a field, None without it."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_fields(self, *fields: tuple[str, str]) -> Response:
        """Return the response with more fields."""
        return replace(self, headers=self.headers + fields)


@dataclass(frozen=True, slots=True)
class Site:
    """Facts of the server that responses carry.

    `base` is the address where uploads are created, with a slash at its end: absolute, or a path
    where the address of the server is not known for certain. `exposed`: more fields of responses
    that scripts of other origins may read. `trailers`: checksums after the content are read.
    `problems` is the address of the problem types that no registry has.
    """

    limits: UploadLimits
    base: str = "/files/"
    exposed: tuple[str, ...] = ()
    trailers: bool = False
    problems: str = ""

    def location(self, upload_id: str) -> str:
        """Return the address of an upload."""
        return self.base + upload_id


def options(site: Site, request: UploadRequest) -> Response:
    """Return the abilities of the server, for both protocols and for browsers."""
    fields = [
        ("Tus-Resumable", TUS_VERSION),
        ("Tus-Version", TUS_VERSION),
        ("Tus-Extension", _EXTENSIONS + (",checksum-trailer" if site.trailers else "")),
        ("Tus-Max-Size", str(site.limits.size)),
        ("Tus-Checksum-Algorithm", ",".join(ALGORITHMS)),
        ("Accept-Patch", f"{IETF_MEDIA_TYPE}, {TUS_MEDIA_TYPE}"),
        ("Upload-Limit", upload_limit(site.limits)),
        ("Allow", _METHODS),
    ]
    if "origin" in request.fields:
        fields += [
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Allow-Headers", _REQUEST_FIELDS),
            ("Access-Control-Max-Age", str(PREFLIGHT_AGE)),
        ]
    return respond(site, request, 204, fields)


def respond(
    site: Site,
    request: UploadRequest,
    status: int,
    fields: list[tuple[str, str]],
    body: bytes = b"",
) -> Response:
    """Return a response with what all have: no cache keeps it, other origins may read it."""
    headers = [("Cache-Control", "no-store"), *fields]
    if "origin" in request.fields:
        exposed = ", ".join((_RESPONSE_FIELDS, *site.exposed))
        headers += [
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Expose-Headers", exposed),
        ]
    return Response(status, tuple(headers), b"" if request.method == "HEAD" else body)


def version(dialect: Dialect | None) -> tuple[str, str]:
    """Return the field that names the protocol of a response."""
    if dialect is Dialect.IETF:
        return "Upload-Draft-Interop-Version", INTEROP_VERSION
    return "Tus-Resumable", TUS_VERSION


def refusal(
    site: Site, request: UploadRequest, error: UploadError, dialect: Dialect | None
) -> Response:
    """Return a refusal with its problem document (RFC 9457).

    It has no Upload-Complete: with one, a client of the IETF's protocol would take the upload for
    processed.
    """
    problem, details = error.problem, error.details
    kind = problem.value
    fields = [version(dialect), ("Content-Type", "application/problem+json")]
    if details.offset is not None:
        fields.append(("Upload-Offset", str(details.offset)))
    if details.location:
        fields.append(("Location", details.location))
    match problem:
        case Problem.VERSION:
            fields.append(("Tus-Version", TUS_VERSION))
        case Problem.METHOD:
            fields.append(("Allow", _METHODS))
        case Problem.TOO_LARGE | Problem.QUOTA:
            fields.append(("Tus-Max-Size", str(site.limits.size)))
            fields.append(("Upload-Limit", upload_limit(site.limits)))
        case _:
            pass
    prefix = REGISTRY if kind.registered else site.problems
    document = {
        "type": prefix + kind.name if prefix else "about:blank",
        "title": kind.title,
        "status": kind.status,
        "detail": str(error),
        **details.members,
    }
    return respond(site, request, kind.status, fields, json.dumps(document).encode())


def state_fields(site: Site, upload: Upload, dialect: Dialect, now: float) -> list[tuple[str, str]]:
    """Return the fields that describe an upload in responses to HEAD."""
    joining = upload.state is State.JOINING
    fields = [version(dialect)]
    if dialect is Dialect.IETF or not joining:
        fields.append(("Upload-Offset", str(upload.offset)))
    if upload.length is not None:
        fields.append(("Upload-Length", str(upload.length)))
    if dialect is Dialect.IETF:
        fields.append(complete_field(upload))
        fields.append(limit_field(site, upload, now))
        return fields
    if upload.length is None:
        fields.append(("Upload-Defer-Length", "1"))
    if upload.metadata:
        fields.append(("Upload-Metadata", upload.metadata))
    if upload.kind is not Kind.PLAIN:
        fields.append(("Upload-Concat", upload.concat))
    return fields + expires_fields(upload, dialect)


def complete_field(upload: Upload) -> tuple[str, str]:
    """Return Upload-Complete."""
    return "Upload-Complete", f"?{upload.state is State.COMPLETE:d}"


def limit_field(site: Site, upload: Upload, now: float) -> tuple[str, str]:
    """Return Upload-Limit of an upload."""
    expiry = upload.expiry
    return "Upload-Limit", upload_limit(site.limits, None if expiry is None else expiry - now)


def expires_fields(upload: Upload, dialect: Dialect | None) -> list[tuple[str, str]]:
    """Return Upload-Expires of tus, if the upload does. Every response to PATCH has it."""
    if dialect is not Dialect.TUS or upload.expiry is None:
        return []
    return [("Upload-Expires", http_date(upload.expiry))]


def upload_limit(limits: UploadLimits, age: float | None = None) -> str:
    """Return the value of Upload-Limit; `age` is the remaining lifetime in seconds."""
    values = {
        "max-size": limits.size,
        "max-append-size": limits.max_append,
        "min-append-size": limits.min_append,
        "max-age": None if age is None else max(0, int(age)),
    }
    return serialise_dictionary(
        {key: Item(min(value, MAX_INTEGER)) for key, value in values.items() if value is not None}
    )


def http_date(instant: float) -> str:
    """Return an instant, in seconds since 1970, as IMF-fixdate (RFC 9110, section 5.6.7)."""
    when = datetime.fromtimestamp(int(instant), UTC)
    day, month = _DAYS[when.weekday()], _MONTHS[when.month - 1]
    return f"{day}, {when.day:02} {month} {when.year:04} {when:%H:%M:%S} GMT"
