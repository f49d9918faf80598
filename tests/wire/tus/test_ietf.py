"""Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload, interop version 8)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from madang.wire.tus import (
    Problem,
    Response,
    Site,
    State,
    UploadError,
    UploadLimits,
    UploadProtocol,
    UploadRequest,
    parse_metadata,
)
from tests.wire.tus.server import NOW, PART, TUS, MemoryServer, OpenTransfer, located

REGISTRY = "https://iana.org/assignments/http-problem-types#"
BODY = b"0123456789"
MORE = {"upload-complete": "?0"}
DONE = {"upload-complete": "?1"}


def document(response: Response) -> dict[str, Any]:
    assert response.get("content-type") == "application/problem+json"
    found: dict[str, Any] = json.loads(response.body)
    assert found["status"] == response.status
    return found


def begun(server: MemoryServer, body: bytes = b"", **fields: str) -> str:
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    return located(server.request("POST", None, {**MORE, **given}, body))


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_whole_upload_in_one_request(method: str, chunked: bool) -> None:
    server = MemoryServer()
    response = server.request(method, None, DONE, BODY, chunked=chunked)
    assert response.status == 200
    assert response.get("upload-complete") == "?1"
    assert response.get("location") == "/files/u0"
    assert response.get("upload-draft-interop-version") == "8"
    assert response.get("tus-resumable") is None
    upload = server.loaded("u0")
    assert (upload.state, upload.length) == (State.COMPLETE, 10)
    assert server.data["u0"] == BODY


def test_an_upload_in_several_requests() -> None:
    """Example 2 of the draft."""
    server = MemoryServer(UploadLimits(size=1000, lifetime=60, max_append=8, min_append=2))
    response = server.request("POST", None, MORE, BODY[:3])
    assert response.status == 201
    assert response.get("upload-complete") == "?0"
    limits = "max-size=1000, max-append-size=8, min-append-size=2, max-age=60"
    assert response.get("upload-limit") == limits
    upload_id = located(response)
    server.now = NOW + 10.5
    response = server.request("HEAD", upload_id, {"upload-draft-interop-version": "8"})
    assert response.status == 204
    assert response.get("upload-offset") == "3"
    assert response.get("upload-complete") == "?0"
    assert response.get("upload-length") is None
    assert (response.get("upload-limit") or "").endswith("max-age=49")
    assert response.get("cache-control") == "no-store"
    response = server.append(upload_id, 3, BODY[3:6], False)
    assert (response.status, response.get("upload-complete")) == (204, "?0")
    response = server.append(upload_id, 6, BODY[6:], True)
    assert (response.status, response.get("upload-complete")) == (200, "?1")
    assert server.data[upload_id] == BODY
    response = server.request("HEAD", upload_id, {"upload-draft-interop-version": "8"})
    assert response.get("upload-length") == response.get("upload-offset") == "10"
    assert response.get("upload-complete") == "?1"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("fields", [{}, {"upload-draft-interop-version": "8"}, MORE])
def test_the_state(method: str, fields: dict[str, str]) -> None:
    """Clients of the final RFC send no version: the upload is known to be theirs."""
    server = MemoryServer()
    upload_id = begun(server, BODY[:4], upload_length="10")
    response = server.request(method, upload_id, fields)
    assert (response.status, response.get("upload-offset")) == (204, "4")
    assert response.get("upload-length") == "10"


def test_the_same_upload_by_both_protocols() -> None:
    server = MemoryServer()
    upload_id = server.create(10)
    assert server.append(upload_id, 0, BODY[:4], False).status == 204
    assert server.offset(upload_id) == 4
    assert server.patch(upload_id, 4, BODY[4:]).status == 204
    response = server.request("HEAD", upload_id, {"upload-draft-interop-version": "8"})
    assert response.get("upload-complete") == "?1"
    assert server.request("HEAD", upload_id).status == 412


def test_reaching_the_length_does_not_complete_an_upload() -> None:
    """ "The offset could match the length, but the upload can still be incomplete." """
    server = MemoryServer()
    upload_id = begun(server, BODY, upload_length="10")
    assert server.loaded(upload_id).state is State.ACTIVE
    assert server.append(upload_id, 10, b"", True).get("upload-complete") == "?1"
    assert server.loaded(upload_id).state is State.COMPLETE


@pytest.mark.parametrize("chunked", [False, True])
def test_content_that_is_cut_off_is_kept_and_completes_nothing(chunked: bool) -> None:
    server = MemoryServer()
    server.request("POST", None, DONE, BODY, cut=3, chunked=chunked)
    upload = server.loaded("u0")
    assert (upload.offset, upload.state) == (3, State.ACTIVE)
    assert upload.length == (None if chunked else 10)
    server.append("u0", 3, BODY[3:], True, cut=7, chunked=chunked)
    assert server.loaded("u0").state is State.ACTIVE
    assert server.append("u0", 10, b"", True).status == 200
    assert server.data["u0"] == BODY


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({**PART, **MORE}, 400),
        ({**PART, **MORE, "upload-offset": "-4"}, 400),
        ({**PART, **MORE, "upload-offset": "4.0"}, 400),
        ({**PART, **MORE, "upload-offset": '"4"'}, 400),
        ({**PART, **MORE, "upload-offset": "?1"}, 400),
        ({**PART, **MORE, "upload-offset": "4, 4"}, 400),
        ({**PART, "upload-offset": "4"}, 400),
        ({**PART, "upload-offset": "4", "upload-complete": "1"}, 400),
        ({**PART, "upload-offset": "4", "upload-complete": "true"}, 400),
        ({**MORE, "upload-offset": "4"}, 415),
        ({**MORE, "upload-offset": "4", "content-type": "application/offset+octet-stream"}, 415),
        ({**PART, **MORE, "upload-offset": "4"}, 204),
        ({**PART, **MORE, "upload-offset": " 4 "}, 204),
        ({**PART, **MORE, "upload-offset": "04;a=b"}, 204),
        ({**PART, **MORE, "upload-offset": "4", "upload-length": "ten"}, 204),
        ({**PART, **MORE, "upload-offset": "4", "upload-draft-interop-version": "6"}, 204),
        ({**PART, **MORE, "upload-offset": "4", "content-length": "9"}, 413),
        ({**PART, **MORE, "upload-offset": "4", "content-length": "1"}, 400),
        ({**PART, **DONE, "upload-offset": "4", "content-length": "6"}, 200),
    ],
)
def test_appends(fields: dict[str, str], status: int) -> None:
    server = MemoryServer(UploadLimits(max_append=8, min_append=2))
    upload_id = begun(server, BODY[:4], upload_length="10")
    size = int(fields.get("content-length", "0"))
    response = server.request("PATCH", upload_id, fields, bytes(size))
    assert response.status == status
    if status >= 400:
        assert document(response)["detail"]
        assert response.get("upload-complete") is None
        assert server.loaded(upload_id).offset == 4
    if status == 413:
        assert response.get("upload-limit") is not None


def test_a_wrong_offset() -> None:
    server = MemoryServer()
    upload_id = begun(server, BODY[:4])
    response = server.append(upload_id, 2, b"xx", False)
    assert (response.status, response.get("upload-offset")) == (409, "4")
    found = document(response)
    assert found["type"] == REGISTRY + "mismatching-upload-offset"
    assert (found["expected-offset"], found["provided-offset"]) == (4, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {**DONE, "upload-length": "11"},
        {**DONE, "upload-length": "9"},
        {**MORE, "upload-length": "9"},
    ],
)
def test_creations_whose_lengths_differ(fields: dict[str, str]) -> None:
    server = MemoryServer()
    response = server.request("POST", None, fields, BODY)
    assert response.status == 400
    assert document(response)["type"] == REGISTRY + "inconsistent-upload-length"
    assert not server.records


@pytest.mark.parametrize(
    ("size", "complete", "length"),
    [(5, True, None), (7, True, None), (7, False, None), (6, True, "11"), (0, False, "11")],
)
def test_appends_whose_lengths_differ(size: int, complete: bool, length: str | None) -> None:
    server = MemoryServer()
    upload_id = begun(server, BODY[:4], upload_length="10")
    fields = {**PART, "upload-offset": "4", "upload-complete": f"?{complete:d}"}
    if length is not None:
        fields["upload-length"] = length
    response = server.request("PATCH", upload_id, fields, bytes(size))
    assert response.status == 400
    assert document(response)["type"] == REGISTRY + "inconsistent-upload-length"
    assert server.loaded(upload_id).state is State.ACTIVE
    assert server.append(upload_id, 4, BODY[4:], True).status == 200


def test_chunked_content_that_ends_before_the_length_completes_nothing() -> None:
    server = MemoryServer()
    upload_id = begun(server, upload_length="10")
    response = server.append(upload_id, 0, BODY[:4], True, chunked=True)
    assert response.status == 400
    assert document(response)["type"] == REGISTRY + "inconsistent-upload-length"
    assert response.get("upload-offset") == "4"
    assert server.append(upload_id, 4, BODY[4:], True).status == 200


def test_chunked_content_beyond_the_length_makes_the_upload_invalid() -> None:
    """ "... rejecting the request once the offset exceeds the length, marking the upload resource
    invalid and rejecting any further interaction with it." """
    server = MemoryServer()
    upload_id = begun(server, upload_length="10")
    response = server.append(upload_id, 0, BODY + b"x", False, chunked=True)
    assert response.status == 400
    assert document(response)["type"] == REGISTRY + "inconsistent-upload-length"
    for later in (
        server.request("HEAD", upload_id),
        server.append(upload_id, 10, b"", True),
        server.request("DELETE", upload_id),
    ):
        assert later.status == 410


@pytest.mark.parametrize(
    ("offset", "body", "complete", "status", "kind"),
    [
        (10, b"", True, 200, None),
        (10, b"", False, 400, "completed-upload"),
        (10, b"x", True, 400, "inconsistent-upload-length"),
        (10, b"x", False, 400, "inconsistent-upload-length"),
        (6, BODY[6:], True, 409, "mismatching-upload-offset"),
        (6, b"", True, 409, "mismatching-upload-offset"),
    ],
)
def test_appends_to_a_complete_upload(
    offset: int, body: bytes, complete: bool, status: int, kind: str | None
) -> None:
    """The one after a lost last answer gets it again (http-extensions#3270)."""
    server = MemoryServer()
    server.request("POST", None, DONE, BODY)
    before = server.loaded("u0")
    response = server.append("u0", offset, body, complete)
    assert response.status == status
    if kind is None:
        assert response.get("upload-complete") == "?1"
    else:
        assert document(response)["type"] == REGISTRY + kind
    chunked = server.append("u0", 10, b"x", True, chunked=True)
    assert document(chunked)["type"] == REGISTRY + "inconsistent-upload-length"
    after = server.loaded("u0")
    assert (after.state, after.offset) == (before.state, before.offset)
    assert server.data["u0"] == BODY


def test_a_creation_that_takes_longer_than_the_upload_may_live() -> None:
    server = MemoryServer(UploadLimits(size=9, lifetime=60))
    opened = server.begin("POST", None, MORE)
    assert isinstance(opened, OpenTransfer)
    server.now += 70
    assert opened.end().get("upload-limit") == "max-size=9, max-age=0"


def test_uploads_that_are_too_large() -> None:
    server = MemoryServer(UploadLimits(size=9))
    for fields, body in (
        (DONE, BODY),
        (MORE, BODY),
        ({**MORE, "upload-length": "10"}, b""),
    ):
        response = server.request("POST", None, fields, body)
        assert response.status == 413
        assert response.get("upload-limit") == "max-size=9"
    assert not server.records
    response = server.request("POST", None, DONE, BODY, chunked=True)
    assert response.status == 413
    assert server.loaded("u0").offset == 0


def test_an_empty_creation_may_be_below_the_least_size() -> None:
    server = MemoryServer(UploadLimits(min_append=5))
    assert server.request("POST", None, MORE).status == 201
    assert server.request("POST", None, MORE, b"x").status == 400
    assert server.request("POST", None, DONE, b"x").status == 200


def test_termination() -> None:
    server = MemoryServer()
    upload_id = begun(server, BODY[:4])
    assert server.request("DELETE", upload_id).status == 204
    for method in ("HEAD", "DELETE"):
        assert server.request(method, upload_id).status == 410
    version = {"upload-draft-interop-version": "8"}
    assert server.request("DELETE", "nobody", version).status == 404


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('inline; filename="a.mp4"', "a.mp4"),
        ("attachment; filename=a.mp4", "a.mp4"),
        (r'inline; filename="a\"b.mp4"', 'a"b.mp4'),
        ("inline; filename=\"x\"; filename*=UTF-8''%EA%B3%B5%EC%97%B0.mp4", "공연.mp4"),
        ('inline; filename="공연.mp4"'.encode().decode("latin-1"), "공연.mp4"),
        ('inline; filename="caf\xe9.mp4"', "café.mp4"),
        ("inline", None),
        ("inline; filename*=UTF-8''%ff", "\ufffd"),
    ],
)
def test_the_name_of_a_file(disposition: str, name: str | None) -> None:
    server = MemoryServer()
    fields = {**DONE, "content-disposition": disposition, "content-type": "video/mp4"}
    assert server.request("POST", None, fields).status == 200
    values = parse_metadata(server.loaded("u0").metadata, 8192)
    assert values["filetype"] == b"video/mp4"
    assert values.get("filename") == (None if name is None else name.encode())


def test_metadata_in_the_way_of_tus() -> None:
    server = MemoryServer()
    fields = {"upload_metadata": "filename YQ==,channel Yg==", "content_disposition": "filename=x"}
    values = parse_metadata(server.loaded(begun(server, **fields)).metadata, 8192)
    assert values == {"filename": b"a", "channel": b"b"}


def digest(algorithm: str, data: bytes) -> str:
    return f":{base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}:"


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (f"sha-256={digest('sha256', BODY)}", 200),
        (f"sha-512={digest('sha512', BODY)}, sha-256={digest('sha256', b'x')}", 200),
        (f"sha-256={digest('sha256', b'x')}", 400),
        ("unixsum=:AAA=:", 200),
        ("sha-256=1", 200),
        ("nonsense=", 200),
    ],
)
def test_content_digest(field: str, status: int) -> None:
    server = MemoryServer()
    response = server.request("POST", None, {**DONE, "content-digest": field}, BODY)
    assert response.status == status
    if status == 400:
        assert document(response)["type"] == REGISTRY + "digest-mismatching-values"
        assert response.get("upload-offset") == "0"
        assert server.append("u0", 0, BODY, True).status == 200


def test_a_newcomer_ends_the_transfer_that_hangs() -> None:
    server = MemoryServer()
    upload_id = begun(server)
    head = {**PART, **DONE, "upload-offset": "0", "content-length": "10"}
    hanging = server.begin("PATCH", upload_id, head)
    assert isinstance(hanging, OpenTransfer)
    hanging.receive(BODY[:7])
    assert server.request("HEAD", upload_id).get("upload-offset") == "7"
    assert server.append(upload_id, 7, BODY[7:], True).status == 200


def test_reasons_of_the_server_itself() -> None:
    protocol = UploadProtocol(Site(UploadLimits(), problems="/api/problems/"))
    request = UploadRequest.of("POST", None, DONE)
    error = UploadError(Problem.NO_SPACE, "Three bytes are left.", mend="Delete something.")
    response = protocol.refuse(request, error)
    assert response.status == 507
    found = document(response)
    assert found["type"] == "/api/problems/insufficient-storage"
    assert found["detail"] == "Three bytes are left. Delete something."
    assert document(MemoryServer().request("POST", None, TUS))["type"] == "about:blank"
