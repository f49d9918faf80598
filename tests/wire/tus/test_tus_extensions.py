"""Extensions of tus 1.0 except concatenation, and connections that hang on to an upload."""

from __future__ import annotations

import base64
import hashlib
import itertools
import zlib

import pytest

from madang.wire.tus import Site, StaleTransfer, State, UploadLimits, UploadProtocol
from tests.wire.tus.server import DATA, NOW, TUS, MemoryServer, OpenTransfer, located

NEW = {**TUS, "upload-length": "10"}
BODY = b"0123456789"

# --- creation-with-upload, creation-defer-length ---


def test_creation_with_upload() -> None:
    server = MemoryServer()
    response = server.request("POST", None, {**NEW, **DATA}, b"hello")
    assert (response.status, response.get("upload-offset")) == (201, "5")
    assert server.patch(located(response), 5, b"world").status == 204
    assert server.data["u0"] == b"helloworld"


def test_a_creation_that_is_cut_off_keeps_what_came() -> None:
    server = MemoryServer()
    server.request("POST", None, {**NEW, **DATA}, BODY, cut=3)
    assert server.offset("u0") == 3
    assert server.patch("u0", 3, BODY[3:]).get("upload-offset") == "10"


def test_deferred_length() -> None:
    server = MemoryServer()
    upload_id = server.create()
    response = server.head(upload_id)
    assert response.get("upload-defer-length") == "1"
    assert response.get("upload-length") is None
    assert server.patch(upload_id, 0, BODY[:5]).status == 204
    assert server.patch(upload_id, 5, upload_length="4").status == 400
    assert server.patch(upload_id, 5, upload_length="10").status == 204
    response = server.head(upload_id)
    assert response.get("upload-defer-length") is None
    assert response.get("upload-length") == "10"
    assert server.patch(upload_id, 5, b"x", upload_length="12").status == 400
    assert server.patch(upload_id, 5, BODY[5:]).status == 204
    assert server.loaded(upload_id).state is State.COMPLETE


def test_a_length_is_kept_even_if_the_request_breaks() -> None:
    server = MemoryServer()
    upload_id = server.create()
    server.patch(upload_id, 0, BODY, cut=2, upload_length="10")
    assert server.head(upload_id).get("upload-length") == "10"


def test_a_deferred_length_may_not_exceed_the_limit() -> None:
    server = MemoryServer(UploadLimits(size=10))
    upload_id = server.create()
    assert server.patch(upload_id, 0, upload_length="11").status == 413
    assert server.patch(upload_id, 0, b"x" * 11).status == 413
    head = {**TUS, **DATA, "upload-offset": "0"}
    assert server.request("PATCH", upload_id, head, b"x" * 11, chunked=True).status == 413
    assert server.offset(upload_id) == 0


def test_a_limit_that_shrank_below_the_offset() -> None:
    server = MemoryServer(UploadLimits(size=10))
    upload_id = server.create()
    server.patch(upload_id, 0, BODY)
    server.protocol = UploadProtocol(Site(UploadLimits(size=4)))
    head = {**TUS, **DATA, "upload-offset": "10"}
    assert server.request("PATCH", upload_id, head, b"x", chunked=True).status == 413
    assert server.patch(upload_id, 10).status == 204


def test_chunked_content_beyond_the_length_is_refused_and_the_offset_stays() -> None:
    server = MemoryServer()
    upload_id = server.create(10)
    server.patch(upload_id, 0, BODY[:2])
    head = {**TUS, **DATA, "upload-offset": "2"}
    response = server.request("PATCH", upload_id, head, BODY, chunked=True)
    assert (response.status, response.get("upload-offset")) == (413, "2")
    assert server.offset(upload_id) == 2
    assert server.patch(upload_id, 2, BODY[2:]).status == 204


def test_chunked_content_that_breaks_after_its_last_byte_completes_the_upload() -> None:
    """The client learns the offset, and would never send anything more."""
    server = MemoryServer()
    upload_id = server.create(10)
    head = {**TUS, **DATA, "upload-offset": "0"}
    server.request("PATCH", upload_id, head, BODY, chunked=True, cut=10)
    assert server.offset(upload_id) == 10
    assert server.loaded(upload_id).state is State.COMPLETE


# --- expiration ---


def test_expiration_slides_with_bytes() -> None:
    server = MemoryServer(UploadLimits(lifetime=60))
    upload_id = server.create(10)
    assert server.head(upload_id).get("upload-expires") == "Fri, 15 Jan 2027 08:01:00 GMT"
    for second in range(5):  # a trickle that takes longer than the lifetime
        server.now = NOW + 50 * (second + 1)
        response = server.patch(upload_id, second, BODY[second : second + 1])
        assert response.status == 204
        assert server.loaded(upload_id).expires_at == server.now + 60
        assert response.get("upload-expires") is not None
    expiry = server.now + 60
    server.now = expiry - 1
    server.patch(upload_id, 5)  # no byte
    assert server.loaded(upload_id).expires_at == expiry
    assert server.protocol.expire(server.loaded(upload_id), expiry - 1) is None
    server.now = expiry
    for response in (
        server.head(upload_id),
        server.patch(upload_id, 5, b"5"),
        server.request("DELETE", upload_id, TUS),
    ):
        assert response.status == 410
    swept = server.protocol.expire(server.loaded(upload_id), expiry)
    assert swept is not None
    server.store(swept)
    assert server.head(upload_id).status == 410
    assert swept.undelivered == 0


def test_refused_appends_tell_the_expiry_too() -> None:
    """ "This header MUST be included in every PATCH response if the upload is going to expire." """
    server = MemoryServer()
    upload_id = server.create(10)
    for response in (
        server.patch(upload_id, 1, b"x"),
        server.patch(upload_id, 0, b"x" * 11),
        server.patch(upload_id, 0, b"x", upload_checksum="sha1 AAAA"),
    ):
        assert response.status in {409, 413, 460}
        assert response.get("upload-expires") == "Sat, 16 Jan 2027 08:00:00 GMT"


def test_a_complete_upload_does_not_expire_but_an_unjoined_part_does() -> None:
    server = MemoryServer(UploadLimits(lifetime=60))
    whole, part = server.create(10, BODY), server.create(10, BODY, upload_concat="partial")
    assert server.head(whole).get("upload-expires") is None
    assert server.head(part).get("upload-expires") is not None
    server.now += 61
    assert server.head(whole).status == 200
    assert server.head(part).status == 410


# --- checksum ---

DIGESTS = {
    "sha1": hashlib.sha1(BODY).digest(),
    "sha256": hashlib.sha256(BODY).digest(),
    "sha512": hashlib.sha512(BODY).digest(),
    "md5": hashlib.md5(BODY).digest(),
    "crc32": zlib.crc32(BODY).to_bytes(4, "big"),
}


def checksum(algorithm: str, digest: bytes) -> str:
    return f"{algorithm} {base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("algorithm", DIGESTS)
def test_checksums(algorithm: str) -> None:
    server = MemoryServer()
    upload_id = server.create(20)
    server.patch(upload_id, 0, BODY)
    right, wrong = checksum(algorithm, DIGESTS[algorithm]), checksum(algorithm, b"no")
    response = server.patch(upload_id, 10, BODY, upload_checksum=wrong)
    assert (response.status, response.get("upload-offset")) == (460, "10")
    server.patch(upload_id, 10, BODY, cut=9, upload_checksum=right)
    assert server.offset(upload_id) == 10
    assert server.data[upload_id] == BODY
    assert server.patch(upload_id, 10, BODY, upload_checksum=right).status == 204
    assert server.data[upload_id] == BODY * 2


@pytest.mark.parametrize("given", ["sha3 AA==", "SHA1 AA==", "sha1", "sha1 ", "", "sha1 $"])
def test_checksums_that_are_none(given: str) -> None:
    server = MemoryServer()
    upload_id = server.create(10)
    assert server.patch(upload_id, 0, BODY, upload_checksum=given).status == 400
    assert server.offset(upload_id) == 0


@pytest.mark.parametrize(
    ("trailers", "status", "offset"),
    [
        ({"upload-checksum": checksum("sha1", DIGESTS["sha1"])}, 204, 10),
        ({"upload-checksum": checksum("sha256", DIGESTS["sha256"])}, 204, 10),
        ({"upload-checksum": checksum("sha1", b"no")}, 460, 0),
        ({"upload-checksum": "sha3 AA=="}, 400, 0),
        ({}, 400, 0),
    ],
)
def test_a_checksum_in_the_trailers(trailers: dict[str, str], status: int, offset: int) -> None:
    server = MemoryServer()
    upload_id = server.create(10)
    head = {**TUS, **DATA, "upload-offset": "0", "trailer": "Upload-Checksum"}
    response = server.request("PATCH", upload_id, head, BODY, chunked=True, trailers=trailers)
    assert response.status == status
    assert server.offset(upload_id) == offset == len(server.data[upload_id])


@pytest.mark.parametrize(("announced", "chunked"), [(False, True), (True, False)])
def test_trailers_count_where_announced_and_possible(announced: bool, chunked: bool) -> None:
    server = MemoryServer()
    upload_id = server.create(10)
    head = {**TUS, **DATA, "upload-offset": "0"}
    if announced:
        head["trailer"] = "Upload-Checksum"
    trailers = {"upload-checksum": "sha1 AAAA"}
    response = server.request("PATCH", upload_id, head, BODY, chunked=chunked, trailers=trailers)
    assert response.status == 204


def test_a_checksum_that_fails_with_the_creation() -> None:
    """The upload exists, so that the client can go on: its address is in the answer."""
    server = MemoryServer()
    fields = {**NEW, **DATA, "upload-checksum": checksum("sha1", b"no")}
    response = server.request("POST", None, fields, BODY)
    assert (response.status, response.get("upload-offset")) == (460, "0")
    assert server.patch(located(response), 0, BODY).status == 204


# --- termination ---


@pytest.mark.parametrize("body", [b"", BODY[:4], BODY])
def test_termination(body: bytes) -> None:
    server = MemoryServer()
    upload_id = server.create(10, body)
    assert server.request("DELETE", upload_id, TUS).status == 204
    for response in (
        server.head(upload_id),
        server.patch(upload_id, len(body), BODY[len(body) :]),
        server.request("DELETE", upload_id, TUS),
    ):
        assert response.status == 410
        assert response.get("upload-offset") is None


# --- every extension with every other (tusdotnet#102, #238) ---


@pytest.mark.parametrize(
    ("partial", "deferred", "with_upload", "checked", "named"),
    list(itertools.product([False, True], repeat=5)),
)
def test_extensions_together(
    partial: bool, deferred: bool, with_upload: bool, checked: bool, named: bool
) -> None:
    server = MemoryServer(UploadLimits(lifetime=60))
    fields = {**TUS, "upload-defer-length": "1"} if deferred else dict(NEW)
    if partial:
        fields["upload-concat"] = "partial"
    if named:
        fields["upload-metadata"] = "filename YQ=="
    first = BODY[:4] if with_upload else b""
    sums = {"upload-checksum": checksum("sha1", hashlib.sha1(first).digest())} if checked else {}
    response = server.request("POST", None, {**fields, **DATA, **sums}, first)
    assert response.status == 201
    assert response.get("upload-offset") == str(len(first))
    assert response.get("upload-expires") is not None
    upload_id = located(response)
    rest = BODY[len(first) :]
    head = {**TUS, **DATA, "upload-offset": str(len(first))}
    if deferred:
        head["upload-length"] = "10"
    if checked:
        head["upload-checksum"] = checksum("sha1", hashlib.sha1(rest).digest())
    assert server.request("PATCH", upload_id, head, rest).status == 204
    response = server.head(upload_id)
    assert response.get("upload-concat") == ("partial" if partial else None)
    assert response.get("upload-metadata") == ("filename YQ==" if named else None)
    assert response.get("upload-length") == response.get("upload-offset") == "10"
    assert server.loaded(upload_id).state is State.COMPLETE
    if not partial:
        return
    final = server.create(upload_concat=f"final;/files/{upload_id} /files/{upload_id}")
    server.join()
    assert server.data[final] == BODY * 2


# --- connections that hang on ---


def opened(server: MemoryServer, upload_id: str, offset: int, **fields: str) -> OpenTransfer:
    head = {**TUS, **DATA, "upload-offset": str(offset), "content-length": "5", **fields}
    found = server.begin("PATCH", upload_id, head)
    assert isinstance(found, OpenTransfer)
    return found


@pytest.mark.parametrize("newcomer", ["HEAD", "PATCH", "DELETE"])
def test_a_newcomer_ends_the_transfer_that_hangs(newcomer: str) -> None:
    server = MemoryServer()
    upload_id = server.create(10)
    hanging = opened(server, upload_id, 0)
    hanging.receive(BODY[:3])
    if newcomer == "HEAD":
        assert server.offset(upload_id) == 3
    elif newcomer == "PATCH":
        assert server.patch(upload_id, 3, BODY[3:6]).status == 204
    else:
        assert server.request("DELETE", upload_id, TUS).status == 204
    for late in (lambda: hanging.receive(b"xx"), hanging.sync, hanging.end):
        with pytest.raises(StaleTransfer):
            late()
    if newcomer != "DELETE":
        offset = server.offset(upload_id)
        assert server.patch(upload_id, offset, BODY[offset:]).status == 204
        assert server.data[upload_id] == BODY


def test_a_transfer_that_hangs_after_its_last_byte_is_complete() -> None:
    server = MemoryServer()
    upload_id = server.create(5)
    opened(server, upload_id, 0).receive(BODY[:5])
    assert server.offset(upload_id) == 5
    assert server.loaded(upload_id).state is State.COMPLETE


def test_a_newcomer_discards_what_had_a_checksum() -> None:
    server = MemoryServer()
    upload_id = server.create(10)
    hanging = opened(server, upload_id, 0, **{"upload-checksum": "sha1 AAAA"})
    hanging.receive(BODY[:3])
    assert server.offset(upload_id) == 0
