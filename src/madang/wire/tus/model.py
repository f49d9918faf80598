"""The state of an upload, and its encoding for a file beside the data.

The record has to be replaced atomically and in this order, so that no crash loses a byte that was
acknowledged: data is written and synced, then the record with the new offset is written to a
temporary file, synced and renamed, then the client is answered. To take bytes back, the record goes
first and the truncation follows. At the next start `recover` compares record and data.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from madang.base.errors import ParseError

VERSION: Final = 1


class Dialect(enum.StrEnum):
    """Protocol of a request: tus 1.0, or Resumable Uploads for HTTP of the IETF."""

    TUS = "tus"
    IETF = "ietf"


class Kind(enum.StrEnum):
    """Role of an upload in concatenation."""

    PLAIN = "plain"
    PARTIAL = "partial"
    FINAL = "final"


class State(enum.StrEnum):
    """Stage of an upload. All after `COMPLETE` are gone for clients."""

    ACTIVE = "active"
    JOINING = "joining"
    COMPLETE = "complete"
    TERMINATED = "terminated"
    EXPIRED = "expired"
    FAILED = "failed"


GONE: Final = frozenset({State.TERMINATED, State.EXPIRED, State.FAILED})


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload. Sizes in bytes; `expires_at` in seconds since 1970.

    `length` is None until it is known; `offset` counts the bytes that are stored and synced.
    `dialect` is that of its creation. `metadata` and `concat` are fields as they were received;
    `parts` are the IDs of the partial uploads of a final one. `epoch` counts the requests that took
    the upload over: only the transfer that has the current one may store bytes. `fingerprint` is
    that of its creation, see `Create.fingerprint`; `reason` says why it failed. `attributes` belong
    to the server: the owner, and what has become of a complete upload, so that none is processed
    twice.
    """

    id: str
    dialect: Dialect
    kind: Kind = Kind.PLAIN
    state: State = State.ACTIVE
    length: int | None = None
    offset: int = 0
    metadata: str = ""
    concat: str = ""
    parts: tuple[str, ...] = ()
    expires_at: float | None = None
    epoch: int = 0
    fingerprint: str = ""
    reason: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def undelivered(self) -> int:
        """Bytes that are declared but not stored yet: the space to be reserved."""
        if self.state not in {State.ACTIVE, State.JOINING}:
            return 0
        return (self.length or self.offset) - self.offset

    @property
    def expiry(self) -> float | None:
        """Instant at which it expires, None for one that does not: complete, or gone. A partial
        upload expires until it is joined."""
        unfinished = self.state is State.ACTIVE
        unjoined = self.kind is Kind.PARTIAL and self.state is State.COMPLETE
        return self.expires_at if unfinished or unjoined else None

    def expired(self, now: float) -> bool:
        """Return whether it has expired at `now`."""
        return self.expiry is not None and now >= self.expiry


def gone(upload: Upload, state: State, reason: str = "") -> Upload:
    """Return what remains of an upload that is terminated, expired or failed: its ID answers 410,
    and no transfer can store bytes any more."""
    return replace(
        upload, state=state, reason=reason, metadata="", parts=(), epoch=upload.epoch + 1
    )


def settled(upload: Upload) -> Upload:
    """Return an upload without a transfer under way: one of tus is complete when its length is
    reached, even if the last request broke before its end. The client learns the offset, and has
    nothing left to send."""
    whole = upload.dialect is Dialect.TUS and upload.offset == upload.length
    if whole and upload.state is State.ACTIVE:
        return replace(upload, state=State.COMPLETE)
    return upload


def recover(upload: Upload, size: int) -> Upload:
    """Return an upload after a crash, `size` being that of its data. Data beyond the offset is to
    be truncated: it was never verified.

    An upload that lost acknowledged bytes fails, as its offset must not decrease.
    """
    if upload.state is State.ACTIVE and size < upload.offset:
        return gone(upload, State.FAILED, "Data of this upload was lost in a crash.")
    return settled(replace(upload, epoch=upload.epoch + 1))


def encode(upload: Upload) -> bytes:
    """Return an upload as JSON."""
    return json.dumps({"version": VERSION, **asdict(upload)}, ensure_ascii=False).encode()


def decode(data: bytes) -> Upload:
    """Return the upload in `data`. Raises ParseError."""
    try:
        values: dict[str, Any] = json.loads(data)
        if values.pop("version") != VERSION:
            raise ParseError("The record of the upload is of another version of Madang.")
        return _checked(
            Upload(
                **values
                | {
                    "dialect": Dialect(values["dialect"]),
                    "kind": Kind(values["kind"]),
                    "state": State(values["state"]),
                    "parts": tuple(values["parts"]),
                    "attributes": dict(values["attributes"].items()),
                }
            )
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ParseError(f"The record of the upload cannot be read: {error}.") from None


def _checked(upload: Upload) -> Upload:
    texts = [upload.id, upload.metadata, upload.concat, upload.fingerprint, upload.reason]
    texts += [*upload.parts, *upload.attributes, *upload.attributes.values()]
    counts = (upload.offset, upload.epoch, *(() if upload.length is None else (upload.length,)))
    expires = upload.expires_at
    if (
        not all(isinstance(each, str) for each in texts)
        or not all(type(each) is int and each >= 0 for each in counts)
        or (expires is not None and not math.isfinite(expires))
        or (upload.length is not None and upload.offset > upload.length)
    ):
        raise ValueError("a field has a wrong type or value")
    return upload
