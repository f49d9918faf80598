"""Reasons for refusing a request, with their status codes and problem types (RFC 9457).

The types of the registry "HTTP Problem Types" are those of the IETF draft and of
draft-ietf-httpapi-digest-fields-problem-types; 460 is tus's own status code.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from madang.base.errors import LazyText, ParseError

REGISTRY: Final = "https://iana.org/assignments/http-problem-types#"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A reason. `name` is the last part of its type's address, `registered`: in IANA's registry."""

    status: int
    name: str
    title: str
    registered: bool = False


class Problem(enum.Enum):
    """Reasons of the protocols, and those that a server adds: quota, space, permission."""

    INVALID = ProblemType(400, "invalid-upload-request", "The request is not valid")
    COMPLETED = ProblemType(400, "completed-upload", "The upload is complete", True)
    INCONSISTENT_LENGTH = ProblemType(
        400, "inconsistent-upload-length", "The lengths of the upload differ", True
    )
    DIGEST = ProblemType(
        400, "digest-mismatching-values", "The digest is not that of the content", True
    )
    SIGN_IN = ProblemType(401, "sign-in-required", "Sign in first")
    FORBIDDEN = ProblemType(403, "forbidden", "Not allowed")
    FINAL = ProblemType(403, "final-upload", "A final upload takes no data")
    UNKNOWN = ProblemType(404, "unknown-upload", "There is no such upload")
    METHOD = ProblemType(405, "method-not-allowed", "The method is not one of uploads")
    MISMATCHING_OFFSET = ProblemType(
        409, "mismatching-upload-offset", "The offset is not that of the upload", True
    )
    UNFINISHED_PART = ProblemType(409, "unfinished-part", "A partial upload is not complete")
    SUPERSEDED = ProblemType(409, "superseded", "Another request has taken the upload over")
    GONE = ProblemType(410, "upload-gone", "The upload is gone")
    VERSION = ProblemType(412, "unsupported-version", "The version of tus is not supported")
    TOO_LARGE = ProblemType(413, "upload-too-large", "The upload is too large")
    QUOTA = ProblemType(413, "quota-exceeded", "The quota is used up")
    MEDIA_TYPE = ProblemType(415, "unsupported-media-type", "The media type is not that of a part")
    TOO_MANY = ProblemType(429, "too-many-uploads", "Too many uploads at once")
    CHECKSUM = ProblemType(460, "checksum-mismatch", "The checksum is not that of the data")
    NO_SPACE = ProblemType(507, "insufficient-storage", "The server has no space left")


@dataclass(frozen=True, slots=True)
class Details:
    """Facts in the answer to a refusal besides its words: the offset of the upload, the address of
    one that was created, and members of the problem document."""

    offset: int | None = None
    location: str = ""
    members: Mapping[str, int] = field(default_factory=dict)


class UploadError(ParseError):
    """Refusal of a request, with a reason in words. A server raises it for its own reasons too."""

    def __init__(
        self,
        problem: Problem,
        message: LazyText,
        *,
        mend: LazyText = "",
        details: Details | None = None,
    ) -> None:
        super().__init__(message, mend=mend)
        self.problem = problem
        self.details = details or Details()


class StaleTransfer(UploadError):
    """A newer request has taken the upload over: nothing of this transfer may be stored any more,
    and its connection is to be closed."""

    def __init__(self) -> None:
        super().__init__(Problem.SUPERSEDED, "A newer request continues this upload.")
