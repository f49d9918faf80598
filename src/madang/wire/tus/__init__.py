"""Resumable uploads, sans-IO: tus 1.0 and Resumable Uploads for HTTP of the IETF.

tus 1.0.0 with the extensions creation, creation-with-upload, creation-defer-length, expiration,
checksum (with trailers), termination and concatenation. The IETF's protocol is that of
draft-ietf-httpbis-resumable-upload, interop version 8, without its interim responses (104), which
proxies mistake for the answer. The text at hand lies between revisions 11 and 12, not revision 15;
requests with another interop version are understood as far as they are the same.

A server calls `combined`, `UploadRequest.of` and `UploadProtocol.parse`, and then for each command:

- `Create`: check quota and space, call `create`, store the upload, then receive its content.
- `Append`: stop the transfer that is under way on this upload and store its `progress`; call
  `begin`, store the upload, then receive the content.
- `Retrieve`, `Terminate`: stop the transfer likewise, then call `retrieve` or `terminate`.
- `Concatenate`: call `concatenate`, store the upload, respond, join the data and call `joined`.
  Final uploads that are `State.JOINING` at a start are joined then.

Receiving: write what arrives at `Transfer.offset`, at most `Transfer.capacity` bytes, without
keeping it in memory; now and then sync, call `progress` and store the upload; at the end call
`finish`, store its upload and send its response. `model.py` describes the order on disk. An upload
that is complete is processed once, whichever call made it so, a start after a crash included: note
in `attributes` what became of it. Every refusal is an `UploadError`, and `UploadProtocol.refuse`
makes the response of it.
"""

from madang.wire.tus.checksum import ALGORITHMS, Checksum, Hashes
from madang.wire.tus.commands import (
    Append,
    Command,
    Concatenate,
    Create,
    Options,
    Retrieve,
    Terminate,
    UploadRequest,
)
from madang.wire.tus.heads import combined
from madang.wire.tus.limits import DEFAULT_LIMITS, UploadLimits
from madang.wire.tus.metadata import parse_metadata
from madang.wire.tus.model import Dialect, Kind, State, Upload, decode, encode, recover
from madang.wire.tus.problems import Problem, StaleTransfer, UploadError
from madang.wire.tus.protocol import Outcome, ReceivedContent, Transfer, UploadProtocol
from madang.wire.tus.responses import Response, Site

__all__ = [
    "ALGORITHMS",
    "DEFAULT_LIMITS",
    "Append",
    "Checksum",
    "Command",
    "Concatenate",
    "Create",
    "Dialect",
    "Hashes",
    "Kind",
    "Options",
    "Outcome",
    "Problem",
    "ReceivedContent",
    "Response",
    "Retrieve",
    "Site",
    "StaleTransfer",
    "State",
    "Terminate",
    "Transfer",
    "Upload",
    "UploadError",
    "UploadLimits",
    "UploadProtocol",
    "UploadRequest",
    "combined",
    "decode",
    "encode",
    "parse_metadata",
    "recover",
]
