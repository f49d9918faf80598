"""A server of uploads in memory: what a real one does around the protocol, without sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from madang.wire.tus import (
    Append,
    Concatenate,
    Create,
    Hashes,
    Options,
    ReceivedContent,
    Response,
    Retrieve,
    Site,
    StaleTransfer,
    State,
    Terminate,
    Transfer,
    Upload,
    UploadError,
    UploadLimits,
    UploadProtocol,
    UploadRequest,
    decode,
    encode,
    recover,
)

NOW = 1_800_000_000.0
TUS = {"tus-resumable": "1.0.0"}
DATA = {"content-type": "application/offset+octet-stream"}
PART = {"content-type": "application/partial-upload"}


@dataclass(slots=True)
class OpenTransfer:
    """A connection that sends the content of a request."""

    server: MemoryServer
    upload_id: str
    transfer: Transfer
    size: int = 0
    excess: bool = False
    hashes: Hashes = field(init=False)

    def __post_init__(self) -> None:
        self.hashes = Hashes(self.transfer.algorithms)

    def receive(self, data: bytes) -> None:
        """Store what arrives."""
        upload = self.server.load(self.upload_id)
        if upload is None or upload.epoch != self.transfer.epoch:
            raise StaleTransfer
        taken = data[: self.transfer.capacity - self.size]
        self.excess |= len(taken) < len(data)
        stored = self.server.data[self.upload_id]
        at = self.transfer.offset + self.size
        stored[at : at + len(taken)] = taken
        self.size += len(taken)
        self.hashes.update(taken)

    def sync(self) -> None:
        """Record what has been stored so far."""
        server = self.server
        upload = server.loaded(self.upload_id)
        server.store(server.protocol.progress(upload, self.transfer, self.size, server.now))

    def end(self, *, ended: bool = True, trailers: Mapping[str, str] | None = None) -> Response:
        """Finish the transfer; 0 is the status of a connection that broke."""
        server = self.server
        upload = server.loaded(self.upload_id)
        received = ReceivedContent(
            self.size, ended, self.excess, self.hashes.digests(), trailers or {}
        )
        outcome = server.protocol.finish(upload, self.transfer, received, server.now)
        server.store(outcome.upload)
        del server.data[self.upload_id][outcome.upload.offset :]
        return outcome.response or Response(0, ())


class MemoryServer:
    """Uploads by ID: records as they would be on disk, and data."""

    def __init__(
        self, limits: UploadLimits | None = None, *, base: str = "/files/", trailers: bool = True
    ) -> None:
        self.protocol = UploadProtocol(Site(limits or UploadLimits(), base, trailers=trailers))
        self.records: dict[str, bytes] = {}
        self.data: dict[str, bytearray] = {}
        self.open: dict[str, OpenTransfer] = {}
        self.now = NOW

    def load(self, upload_id: str | None) -> Upload | None:
        record = self.records.get(upload_id or "")
        return None if record is None else decode(record)

    def loaded(self, upload_id: str) -> Upload:
        upload = self.load(upload_id)
        if upload is None:
            raise StaleTransfer
        return upload

    def store(self, upload: Upload) -> None:
        assert decode(encode(upload)) == upload
        self.records[upload.id] = encode(upload)

    def crash(self) -> None:
        """Lose all connections; start again with what is on disk."""
        self.open.clear()
        for upload_id in self.records:
            upload = recover(self.loaded(upload_id), len(self.data.get(upload_id, b"")))
            self.store(upload)
            if upload_id in self.data:
                del self.data[upload_id][upload.offset :]

    def stop(self, upload_id: str | None) -> None:
        """End the transfer that is under way, keeping what it has stored."""
        transfer = self.open.pop(upload_id or "", None)
        if transfer is not None:
            transfer.sync()
            self.store(self.protocol.revoke(self.loaded(transfer.upload_id)))

    def begin(
        self, method: str, upload_id: str | None = None, fields: Mapping[str, str] | None = None
    ) -> OpenTransfer | Response:
        """Handle the head of a request: answer it, or open a transfer."""
        request = UploadRequest.of(method, upload_id, fields or {})
        upload: Upload | None = None
        try:
            command = self.protocol.parse(request)
            if not isinstance(command, Options | Create | Concatenate):
                self.stop(upload_id)
            upload = self.load(upload_id)
            match command:
                case Options():
                    return self.protocol.options(command)
                case Create():
                    new_id = f"u{len(self.records)}"
                    upload, transfer = self.protocol.create(command, new_id, self.now)
                    self.data[new_id] = bytearray()
                case Append():
                    upload, transfer = self.protocol.begin(command, upload, self.now)
                case Retrieve():
                    return self.protocol.retrieve(command, upload, self.now)
                case Terminate():
                    outcome = self.protocol.terminate(command, upload, self.now)
                    self.store(outcome.upload)
                    self.data.pop(outcome.upload.id, None)
                    assert outcome.response is not None
                    return outcome.response
                case Concatenate():
                    found = {part: self.loaded(part) for part in command.parts if part in self.data}
                    existing = self.load(command.upload_id)
                    outcome = self.protocol.concatenate(command, found, existing, self.now)
                    self.store(outcome.upload)
                    assert outcome.response is not None
                    return outcome.response
        except UploadError as error:
            return self.protocol.refuse(request, error, upload)
        self.store(upload)
        opened = OpenTransfer(self, upload.id, transfer)
        self.open[upload.id] = opened
        return opened

    def request(
        self,
        method: str,
        upload_id: str | None = None,
        fields: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        cut: int | None = None,
        chunked: bool = False,
        trailers: Mapping[str, str] | None = None,
    ) -> Response:
        """Handle a whole request; `cut`: the connection breaks after so many bytes of the body."""
        framing = (
            {"transfer-encoding": "chunked"} if chunked else {"content-length": str(len(body))}
        )
        opened = self.begin(method, upload_id, {**framing, **(fields or {})})
        if isinstance(opened, Response):
            return opened
        opened.receive(body if cut is None else body[:cut])
        response = opened.end(ended=cut is None, trailers=trailers)
        self.open.pop(opened.upload_id, None)
        return response

    def waiting(self) -> list[Upload]:
        """Return the final uploads whose data is to be joined."""
        return [each for each in map(decode, self.records.values()) if each.state is State.JOINING]

    def join(self, waiting: list[Upload] | None = None) -> None:
        """Join the data of final uploads, by default of all that wait for it."""
        for upload in self.waiting() if waiting is None else waiting:
            joined = self.protocol.joined(self.loaded(upload.id), upload.epoch)
            self.data[upload.id] = bytearray(b"".join(self.data[part] for part in upload.parts))
            self.store(joined)

    # --- clients ---

    def create(self, length: int | None = None, body: bytes = b"", **fields: str) -> str:
        """Create an upload of tus and return its ID."""
        given = {name.replace("_", "-"): value for name, value in fields.items()}
        if length is not None:
            given["upload-length"] = str(length)
        elif "final" not in given.get("upload-concat", ""):
            given["upload-defer-length"] = "1"
        response = self.request("POST", None, {**TUS, **(DATA if body else {}), **given}, body)
        assert response.status == 201, response
        return located(response)

    def patch(
        self, upload_id: str, offset: int, body: bytes = b"", cut: int | None = None, **fields: str
    ) -> Response:
        """Append by tus."""
        given = {name.replace("_", "-"): value for name, value in fields.items()}
        head = {**TUS, **DATA, "upload-offset": str(offset), **given}
        return self.request("PATCH", upload_id, head, body, cut=cut)

    def head(self, upload_id: str) -> Response:
        """Ask for the state by tus."""
        return self.request("HEAD", upload_id, TUS)

    def offset(self, upload_id: str) -> int:
        """Return the offset that a client of tus learns."""
        return int(self.head(upload_id).get("upload-offset") or "-1")

    def append(
        self,
        upload_id: str,
        offset: int,
        body: bytes,
        complete: bool,
        *,
        cut: int | None = None,
        chunked: bool = False,
    ) -> Response:
        """Append by the protocol of the IETF."""
        head = {**PART, "upload-offset": str(offset), "upload-complete": f"?{complete:d}"}
        return self.request("PATCH", upload_id, head, body, cut=cut, chunked=chunked)


def located(response: Response) -> str:
    """Return the ID in the Location of a response."""
    location = response.get("location")
    assert location is not None, response
    return location.rpartition("/")[2]


def words(response: Response) -> str:
    """Return the reason in a refusal."""
    return str(json.loads(response.body)["detail"])
