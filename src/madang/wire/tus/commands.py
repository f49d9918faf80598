"""Requests for uploads, as values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from madang.wire.tus.checksum import ALGORITHMS, Checksum
from madang.wire.tus.heads import IETF_MEDIA_TYPE, media_type
from madang.wire.tus.model import Dialect, Kind


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """The head of a request.

    `fields` are as `combined` returns them. `upload_id` is None for the address where uploads are
    created. `dialect` is None where the head does not tell: then it is that of the upload.
    """

    method: str
    upload_id: str | None
    fields: Mapping[str, str]
    dialect: Dialect | None

    @classmethod
    def of(cls, method: str, upload_id: str | None, fields: Mapping[str, str]) -> UploadRequest:
        """Return a request with the method that X-HTTP-Method-Override names, if it does."""
        method = fields.get("x-http-method-override", "").strip() or method
        return cls(method.upper(), upload_id, fields, _dialect(fields))


@dataclass(frozen=True, slots=True)
class Content:
    """Content as the head announces it. `size` is None for a chunked one.

    `checksum` is to be verified; `trailer`: it follows the content. `completes` is Upload-Complete.
    """

    size: int | None = 0
    checksum: Checksum | None = None
    trailer: bool = False
    completes: bool = False

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Algorithms whose digests are needed when the content has been received."""
        if self.trailer:
            return ALGORITHMS
        return () if self.checksum is None else (self.checksum.algorithm,)


@dataclass(frozen=True, slots=True)
class Options:
    """Ask for the abilities of the server, or for permission across origins."""

    request: UploadRequest


@dataclass(frozen=True, slots=True)
class Create:
    """Create an upload. `length` is None if it is deferred."""

    request: UploadRequest
    dialect: Dialect
    kind: Kind
    length: int | None
    metadata: str
    content: Content

    @property
    def fingerprint(self) -> str:
        """Text that is equal for a repeated creation, when the answer to the first was lost.

        It says nothing of the bytes: compare those too, and the person.
        """
        parts = (self.kind, str(self.length), self.metadata)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Create a final upload from partial ones."""

    request: UploadRequest
    parts: tuple[str, ...]
    concat: str
    length: int | None
    metadata: str

    @property
    def upload_id(self) -> str:
        """ID of the final upload: the same for the same parts, so that a repeated request makes no
        second one. As hard to guess as theirs."""
        return hashlib.sha256("\0".join(("final", *self.parts)).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Append:
    """Append to an upload at `offset`. `length` is that of the upload, where the head tells."""

    request: UploadRequest
    dialect: Dialect
    offset: int
    length: int | None
    content: Content


@dataclass(frozen=True, slots=True)
class Retrieve:
    """Ask for the state of an upload."""

    request: UploadRequest


@dataclass(frozen=True, slots=True)
class Terminate:
    """Delete an upload."""

    request: UploadRequest


Command = Options | Create | Concatenate | Append | Retrieve | Terminate


def _dialect(fields: Mapping[str, str]) -> Dialect | None:
    if "tus-resumable" in fields:
        return Dialect.TUS
    named = "upload-complete" in fields or "upload-draft-interop-version" in fields
    return Dialect.IETF if named or media_type(fields) == IETF_MEDIA_TYPE else None
