"""Heads of requests, judged as far as they allow without the state of an upload; the rest is
`protocol.py`'s."""

from __future__ import annotations

from typing import Final

from madang.wire.tus import ietf_requests, tus_requests
from madang.wire.tus.commands import Command, Options, Retrieve, Terminate, UploadRequest
from madang.wire.tus.limits import UploadLimits
from madang.wire.tus.model import Dialect
from madang.wire.tus.problems import Problem, UploadError

TUS_VERSION: Final = "1.0.0"


def parse_request(
    request: UploadRequest, limits: UploadLimits, base: str, *, trailers: bool
) -> Command:
    """Return the command of a request. Raises UploadError.

    `base` is the address where uploads are created; `trailers`: the server reads them.
    """
    if request.method == "OPTIONS":
        return Options(request)
    if request.dialect is Dialect.TUS and request.fields["tus-resumable"].strip() != TUS_VERSION:
        raise unsupported_version()
    match request.method, request.upload_id:
        case "HEAD" | "GET", str():
            return Retrieve(request)
        case "DELETE", str():
            return Terminate(request)
        case ("POST", None) | ("PUT", None) | ("PATCH", str()) if request.dialect is None:
            raise unsupported_version()
        case "POST", None if request.dialect is Dialect.TUS:
            return tus_requests.creation(request, limits, base, trailers)
        case ("POST" | "PUT", None) if request.dialect is Dialect.IETF:
            return ietf_requests.creation(request, limits)
        case "PATCH", str() if request.dialect is Dialect.TUS:
            return tus_requests.append(request, trailers)
        case "PATCH", str():
            return ietf_requests.append(request, limits)
    raise UploadError(
        Problem.METHOD, f"The method {request.method[:16]!r} is not for this address."
    )


def unsupported_version() -> UploadError:
    """Return the refusal of a request that names no protocol, or another version."""
    return UploadError(
        Problem.VERSION,
        f"This server speaks tus {TUS_VERSION}.",
        mend=f"Send the field Tus-Resumable: {TUS_VERSION}, or for the IETF's resumable uploads "
        "Upload-Complete.",
    )
