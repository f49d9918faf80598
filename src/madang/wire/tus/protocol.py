"""Decisions about uploads: before the first byte of a body, and after the last.

A server holds one lock for each upload while it calls these functions and stores their results; it
does not hold it while a body arrives. See the package for the order of calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from madang.wire.tus import responses, tus_requests
from madang.wire.tus.commands import (
    Append,
    Command,
    Concatenate,
    Content,
    Create,
    Options,
    Retrieve,
    Terminate,
    UploadRequest,
)
from madang.wire.tus.concatenation import final_upload
from madang.wire.tus.heads import check_room, check_size, inconsistent
from madang.wire.tus.limits import DEFAULT_LIMITS
from madang.wire.tus.model import GONE, Dialect, Kind, State, Upload, gone, settled
from madang.wire.tus.problems import Details, Problem, StaleTransfer, UploadError
from madang.wire.tus.requests import parse_request, unsupported_version
from madang.wire.tus.responses import Response, Site

DEFAULT_SITE = Site(DEFAULT_LIMITS)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Permission to store the content of one request.

    Bytes go to `offset` and the following, at most `capacity` of them. `algorithms` are those whose
    digests are needed at the end. `keeps`: what has arrived when the connection breaks is kept;
    with a checksum it is not.
    """

    request: UploadRequest
    dialect: Dialect
    epoch: int
    offset: int
    capacity: int
    content: Content
    creates: bool = False

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Algorithms of `ReceivedContent.digests`."""
        return self.content.algorithms

    @property
    def keeps(self) -> bool:
        """Return whether bytes are kept before the content is whole."""
        return not self.algorithms


@dataclass(frozen=True, slots=True)
class ReceivedContent:
    """Content of a request as it was received.

    `size` bytes were stored. `ended`: the content is whole, it was not cut off. `excess`: more came
    than `Transfer.capacity`. `digests` are by algorithm, `trailers` have names in lower case.
    """

    size: int
    ended: bool = True
    excess: bool = False
    digests: Mapping[str, bytes] = field(default_factory=dict)
    trailers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state to be stored, then the response to be sent; None where the connection is broken.

    Data beyond `upload.offset` is to be truncated.
    """

    upload: Upload
    response: Response | None


class UploadProtocol:
    """Both protocols for one server. Stateless: instants are seconds since 1970."""

    __slots__ = ("site",)

    def __init__(self, site: Site = DEFAULT_SITE) -> None:
        self.site = site

    def parse(self, request: UploadRequest) -> Command:
        """Return the command of a request. Raises UploadError."""
        site = self.site
        return parse_request(request, site.limits, site.base, trailers=site.trailers)

    def options(self, command: Options) -> Response:
        """Return the response to OPTIONS."""
        return responses.options(self.site, command.request)

    def refuse(
        self, request: UploadRequest, error: UploadError, upload: Upload | None = None
    ) -> Response:
        """Return the response to a request that was refused, here or by the server; `upload` is the
        one that it was for, if that is known."""
        dialect = request.dialect or (upload.dialect if upload is not None else None)
        response = responses.refusal(self.site, request, error, dialect)
        if upload is None or request.method != "PATCH" or error.problem is Problem.GONE:
            return response
        return response.with_fields(*responses.expires_fields(upload, dialect))

    def create(self, create: Create, upload_id: str, now: float) -> tuple[Upload, Transfer]:
        """Return a new upload and the transfer of the content that came with its creation.

        An empty content is finished like any other.
        """
        limits = self.site.limits
        upload = Upload(
            upload_id,
            create.dialect,
            create.kind,
            length=create.length,
            metadata=create.metadata,
            concat="partial" if create.kind is Kind.PARTIAL else "",
            expires_at=now + limits.lifetime,
            epoch=1,
            fingerprint=create.fingerprint,
        )
        capacity = limits.size if create.length is None else create.length
        return upload, Transfer(
            create.request, create.dialect, 1, 0, capacity, create.content, creates=True
        )

    def begin(self, append: Append, upload: Upload | None, now: float) -> tuple[Upload, Transfer]:
        """Return the upload with a new epoch and the transfer of the content, or raise UploadError.

        The transfer before has to be stopped, and what it has stored recorded by `progress`, before
        this is called.
        """
        limits = self.site.limits
        upload = self._available(upload, now)
        if upload.kind is Kind.FINAL:
            raise UploadError(Problem.FINAL, "Data goes to the parts of this upload.")
        if append.offset != upload.offset:
            raise _mismatch(append, upload)
        if upload.state is State.COMPLETE:
            _check_repeated(append, upload)
        length = upload.length
        if append.length is not None and append.length != length:
            if length is not None or append.length < upload.offset:
                known = upload.offset if length is None else length
                words = f"The upload has {known} bytes, the request says {append.length}."
                raise inconsistent(words, upload.offset)
            check_size(append.length, limits)
            length = append.length
        room = max(0, (limits.size if length is None else length) - upload.offset)
        if append.dialect is Dialect.IETF and length is not None and _exceeds(append, room):
            words = f"The content has {append.content.size} bytes, the upload lacks {room}."
            raise inconsistent(words, upload.offset)
        check_room(append.content.size, room)
        upload = replace(upload, length=length, epoch=upload.epoch + 1)
        return upload, Transfer(
            append.request, append.dialect, upload.epoch, upload.offset, room, append.content
        )

    def progress(self, upload: Upload, transfer: Transfer, size: int, now: float) -> Upload:
        """Return the upload after `size` bytes of the content have been stored and synced.

        Raises StaleTransfer if another request has taken the upload over.
        """
        _check_current(upload, transfer)
        if not 0 <= size <= transfer.capacity:
            raise ValueError(f"{size} bytes were stored, {transfer.capacity} are allowed")
        offset = transfer.offset + (size if transfer.keeps else 0)
        expires_at = now + self.site.limits.lifetime if size else upload.expires_at
        return replace(upload, offset=offset, expires_at=expires_at)

    def finish(
        self, upload: Upload, transfer: Transfer, received: ReceivedContent, now: float
    ) -> Outcome:
        """Return the outcome of a transfer: its content is whole, or was cut off.

        Raises StaleTransfer if another request has taken the upload over.
        """
        kept = self.progress(upload, transfer, received.size, now)
        started = replace(kept, offset=transfer.offset)
        try:
            if received.excess:
                return self._exceeded(started, transfer)
            if not received.ended:
                return Outcome(settled(kept), None)
            _verify(transfer, received)
        except UploadError as error:
            return self._refused(started, transfer, error)
        whole = replace(kept, offset=transfer.offset + received.size)
        return self._received(whole, transfer, now)

    def retrieve(self, command: Retrieve, upload: Upload | None, now: float) -> Response:
        """Return the response to HEAD and GET, or raise UploadError. Stop the transfer that is
        under way before, as its offset would not be the last word (`revoke`)."""
        dialect = self._dialect(command.request, upload)
        upload = self._available(upload, now)
        fields = responses.state_fields(self.site, upload, dialect, now)
        status = 204 if dialect is Dialect.IETF else 200
        return responses.respond(self.site, command.request, status, fields)

    def revoke(self, upload: Upload) -> Upload:
        """Return the upload with a new epoch: the transfer that is under way can store nothing any
        more."""
        return settled(replace(upload, epoch=upload.epoch + 1))

    def terminate(self, command: Terminate, upload: Upload | None, now: float) -> Outcome:
        """Return the outcome of DELETE, or raise UploadError."""
        dialect = self._dialect(command.request, upload)
        upload = self._available(upload, now)
        fields = [responses.version(dialect)]
        response = responses.respond(self.site, command.request, 204, fields)
        return Outcome(gone(upload, State.TERMINATED), response)

    def expire(self, upload: Upload, now: float) -> Upload | None:
        """Return what remains of an upload that has expired, None for any other. Uploads with a
        transfer under way are not to be asked about."""
        return gone(upload, State.EXPIRED) if upload.expired(now) else None

    def concatenate(
        self,
        command: Concatenate,
        found: Mapping[str, Upload],
        existing: Upload | None,
        now: float,
    ) -> Outcome:
        """Return the final upload, to be joined after the response, or raise UploadError.

        `found` has the parts that this client may use; `existing` is the upload with the ID
        `command.upload_id`, if there is one: a repeated request gets its address.
        """
        if existing is None or existing.state in GONE:
            epoch = 0 if existing is None else existing.epoch
            upload = replace(final_upload(command, found, self.site.limits, now), epoch=epoch + 1)
        else:
            upload = existing
        fields = [
            responses.version(Dialect.TUS),
            ("Location", self.site.location(upload.id)),
        ]
        return Outcome(upload, responses.respond(self.site, command.request, 201, fields))

    def joined(self, upload: Upload, epoch: int) -> Upload:
        """Return a final upload whose data is joined and synced; `epoch` is that of the upload when
        joining began. Raises StaleTransfer for one that was deleted meanwhile."""
        if upload.epoch != epoch or upload.state is not State.JOINING:
            raise StaleTransfer
        return replace(upload, state=State.COMPLETE, offset=upload.length or 0)

    def fail(self, upload: Upload, reason: str) -> Upload:
        """Return an upload that cannot be continued; later requests get `reason`."""
        return gone(upload, State.FAILED, reason)

    # --- rules ---

    def _dialect(self, request: UploadRequest, upload: Upload | None) -> Dialect:
        """Return the protocol of a request; one that names none means that of the upload, but
        clients of tus have to name theirs."""
        if request.dialect is not None:
            return request.dialect
        if upload is None or upload.dialect is Dialect.TUS:
            raise unsupported_version()
        return upload.dialect

    def _available(self, upload: Upload | None, now: float) -> Upload:
        if upload is None:
            raise UploadError(Problem.UNKNOWN, "There is no upload with this address.")
        if upload.state is State.EXPIRED or upload.expired(now):
            raise UploadError(Problem.GONE, "This upload has expired.", mend="Begin a new one.")
        if upload.state in GONE:
            words = upload.reason or "This upload was deleted."
            raise UploadError(Problem.GONE, words, mend="Begin a new one.")
        return upload

    def _received(self, upload: Upload, transfer: Transfer, now: float) -> Outcome:
        """Return the outcome of content that is whole."""
        completes = upload.length == upload.offset
        if transfer.dialect is Dialect.IETF:
            completes = transfer.content.completes
            if completes and upload.length not in {None, upload.offset}:
                words = (
                    f"The upload has {upload.length} bytes, the content ends at {upload.offset}."
                )
                return self._refused(upload, transfer, inconsistent(words, upload.offset))
        if completes:
            upload = replace(upload, state=State.COMPLETE, length=upload.offset)
        return Outcome(upload, self._accepted(upload, transfer, now))

    def _accepted(self, upload: Upload, transfer: Transfer, now: float) -> Response:
        site = self.site
        fields = [
            responses.version(transfer.dialect),
            ("Upload-Offset", str(upload.offset)),
        ]
        if transfer.creates:
            fields.append(("Location", site.location(upload.id)))
        status = 201 if transfer.creates else 204
        fields += responses.expires_fields(upload, transfer.dialect)
        if transfer.dialect is Dialect.IETF:
            fields.append(responses.complete_field(upload))
            fields.append(responses.limit_field(site, upload, now))
            status = 200 if upload.state is State.COMPLETE else status
        return responses.respond(site, transfer.request, status, fields)

    def _exceeded(self, upload: Upload, transfer: Transfer) -> Outcome:
        """Return the outcome of content that did not end where it should. By the IETF's draft the
        upload is invalid from then on."""
        if upload.state is State.COMPLETE:
            return self._refused(upload, transfer, inconsistent("The upload is complete."))
        if transfer.dialect is Dialect.TUS or upload.length is None:
            words = f"The content has more than the {transfer.capacity} bytes that may follow."
            return self._refused(upload, transfer, UploadError(Problem.TOO_LARGE, words))
        words = f"More than {upload.length} bytes came for this upload."
        failed = gone(upload, State.FAILED, words)
        return self._refused(failed, transfer, inconsistent(words))

    def _refused(self, upload: Upload, transfer: Transfer, error: UploadError) -> Outcome:
        """Return the outcome of content that is not accepted. An upload that it came to create
        exists all the same, so the response names it."""
        if upload.state in GONE:
            return Outcome(upload, self.refuse(transfer.request, error))
        location = self.site.location(upload.id) if transfer.creates else ""
        located = UploadError(
            error.problem, error.message, details=Details(upload.offset, location)
        )
        return Outcome(upload, self.refuse(transfer.request, located, upload))


def _check_current(upload: Upload, transfer: Transfer) -> None:
    if upload.epoch != transfer.epoch or upload.state in GONE:
        raise StaleTransfer


def _check_repeated(append: Append, upload: Upload) -> None:
    """Raise UploadError unless an append to a complete upload is a repetition of the last one,
    whose answer was lost: it has no content, and gets that answer again."""
    if append.dialect is Dialect.TUS:
        return  # its length leaves no room
    if append.content.size:
        words = "The upload is complete, the request has content."
        raise inconsistent(words, upload.offset)
    if not append.content.completes:
        words = "The upload is complete."
        raise UploadError(Problem.COMPLETED, words, details=Details(upload.offset))


def _exceeds(append: Append, room: int) -> bool:
    return append.content.size is not None and append.content.size > room


def _mismatch(append: Append, upload: Upload) -> UploadError:
    members = {"expected-offset": upload.offset, "provided-offset": append.offset}
    return UploadError(
        Problem.MISMATCHING_OFFSET,
        f"The upload is at {upload.offset}, the request at {append.offset}.",
        details=Details(upload.offset, members=members),
    )


def _verify(transfer: Transfer, received: ReceivedContent) -> None:
    """Raise UploadError if the content is not what its checksum says."""
    expected = tus_requests.checksum_in(transfer.content, received.trailers)
    if expected is None or received.digests[expected.algorithm] == expected.digest:
        return
    problem = Problem.CHECKSUM if transfer.dialect is Dialect.TUS else Problem.DIGEST
    raise UploadError(problem, f"The {expected.algorithm} checksum of the content differs.")
