"""Status codes and fields of tus 1.0, in tables; quotations are from its text."""

from __future__ import annotations

import pytest

from madang.wire.tus import State, UploadLimits, combined
from tests.wire.tus.server import DATA, TUS, MemoryServer, words

LENGTH = {"upload-length": "10"}
NEW = {**TUS, **LENGTH}
BODY = b"0123456789"


@pytest.mark.parametrize(
    ("method", "upload_id", "fields", "status"),
    [
        ("POST", None, {**LENGTH}, 412),
        ("POST", None, {**LENGTH, "tus-resumable": "0.2.2"}, 412),
        ("HEAD", "u0", {}, 412),
        ("HEAD", "nobody", {}, 412),
        ("DELETE", "u0", {"tus-resumable": "2"}, 412),
        ("PATCH", "u0", {**DATA, "upload-offset": "0"}, 412),
        ("OPTIONS", None, {"tus-resumable": "9.9"}, 204),
        ("OPTIONS", "u0", {}, 204),
        ("PUT", None, NEW, 405),
        ("PUT", "u0", NEW, 405),
        ("POST", "u0", NEW, 405),
        ("GET", None, TUS, 405),
        ("PATCH", None, {**TUS, **DATA, "upload-offset": "0"}, 405),
        ("HEAD", "u0", TUS, 200),
        ("GET", "u0", TUS, 200),
        ("HEAD", "nobody", TUS, 404),
        ("DELETE", "nobody", TUS, 404),
        ("PATCH", "nobody", {**TUS, **DATA, "upload-offset": "0"}, 404),
        ("PATCH", "u0", {**TUS, "upload-offset": "0"}, 415),
        ("PATCH", "u0", {**TUS, "content-type": "text/plain", "upload-offset": "0"}, 415),
        ("PATCH", "u0", {**TUS, "content-type": "application/partial-upload"}, 415),
        ("PATCH", "u0", {**TUS, **DATA}, 400),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "-1"}, 400),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "1e3"}, 400),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "0, 0"}, 400),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "9" * 5000}, 400),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "1"}, 409),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "0"}, 204),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "0", "upload-length": "10"}, 204),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "0", "upload-length": "11"}, 400),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "0", "content-length": "11"}, 413),
        ("PATCH", "u0", {**TUS, **DATA, "upload-offset": "0", "content-length": "x"}, 400),
        ("DELETE", "u0", TUS, 204),
    ],
)
def test_status_codes(
    method: str, upload_id: str | None, fields: dict[str, str], status: int
) -> None:
    server = MemoryServer()
    assert server.create(10) == "u0"
    response = server.request(method, upload_id, fields)
    assert response.status == status
    # "The Tus-Resumable header MUST be included in every request and response except for OPTIONS"
    assert response.get("tus-resumable") == "1.0.0"
    assert response.get("cache-control") == "no-store"
    if status == 412:
        assert response.get("tus-version") == "1.0.0"
    if status == 405:
        assert "PATCH" in (response.get("allow") or "")
    if status == 409:
        assert response.get("upload-offset") == "0"
    if status == 404:
        assert response.get("upload-offset") is None
    if status in {412, 409, 404} and method == "HEAD":
        assert response.body == b""


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (LENGTH, 201),
        ({"upload-length": "0"}, 201),
        ({"upload-defer-length": "1"}, 201),
        ({"upload-concat": "partial", **LENGTH}, 201),
        ({"upload-metadata": "filename 66eI64u5Lm1wNA==,draft", **LENGTH}, 201),
        ({"upload-metadata": "", **LENGTH}, 201),
        ({}, 400),
        ({**LENGTH, "upload-defer-length": "1"}, 400),
        ({"upload-defer-length": "2"}, 400),
        ({"upload-defer-length": "true"}, 400),
        ({"upload-length": "-1"}, 400),
        ({"upload-length": "ten"}, 400),
        ({"upload-length": "1.5"}, 400),
        ({"upload-length": "101"}, 413),
        ({"upload-length": "9" * 18}, 413),
        ({"upload-concat": "parts", **LENGTH}, 400),
        ({"upload-concat": "partial"}, 400),
        ({"content-length": "3", **LENGTH}, 415),
        ({"content-length": "3", "content-type": "text/plain", **LENGTH}, 415),
        ({"transfer-encoding": "chunked", **LENGTH}, 415),
        ({"content-length": "11", **DATA, **LENGTH}, 413),
        ({"content-length": "101", **DATA, "upload-defer-length": "1"}, 413),
        ({"content-length": "3", **DATA, **LENGTH, "upload-checksum": "sha3 AA=="}, 400),
        ({"content-length": "3", **DATA, **LENGTH, "upload-checksum": "sha1"}, 400),
        ({"content-length": "3", **DATA, **LENGTH, "upload-checksum": "sha1 !"}, 400),
    ],
)
def test_creation(fields: dict[str, str], status: int) -> None:
    server = MemoryServer(UploadLimits(size=100))
    response = server.request("POST", None, {**TUS, **fields})
    assert response.status == status
    if status == 201:
        assert response.get("location") == "/files/u0"
    else:
        assert not server.records
        assert words(response)
    if status == 413:
        assert response.get("tus-max-size") == "100"


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("filename YQ==,filename Yg==", "twice"),
        ("filename,filename", "twice"),
        ("filename !!!", "not base64"),
        ("filename YQ", "not base64"),
        ("filename YQ== YQ==", "not base64"),
        ("filename YQ==,,", "key"),
        ("이름 YQ==", "key"),
        (" ,a", "key"),
        ("a\x00b YQ==", "key"),
        ("a " + "YWFh" * 3000, "longer than 8192"),
    ],
)
def test_metadata_that_is_refused(metadata: str, said: str) -> None:
    response = MemoryServer().request("POST", None, {**NEW, "upload-metadata": metadata})
    assert response.status == 400
    assert said in words(response)


def test_lines_of_one_field_are_joined() -> None:
    lines = [("Upload-Metadata", "a YQ=="), ("X", "1"), ("upload-metadata", "b Yg==")]
    fields = combined(lines)
    assert fields == {"upload-metadata": "a YQ==, b Yg==", "x": "1"}
    assert MemoryServer().request("POST", None, {**NEW, **fields}).status == 201


def test_metadata_is_echoed_as_it_came() -> None:
    server = MemoryServer()
    given = "filename 66eI64u5Lm1wNA==, is_confidential,empty ,binary AAEC/w=="
    assert server.head(server.create(1, upload_metadata=given)).get("upload-metadata") == given


def test_options() -> None:
    fields = {"origin": "https://x", "access-control-request-method": "PATCH"}
    response = MemoryServer(UploadLimits(size=1 << 30)).request("OPTIONS", None, fields)
    assert response.get("tus-version") == "1.0.0"
    assert response.get("tus-max-size") == str(1 << 30)
    extensions = (response.get("tus-extension") or "").split(",")
    assert {
        *("creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum"),
        *("checksum-trailer", "termination", "concatenation"),
    } == set(extensions)
    assert {"sha1", "sha256", "md5"} <= set(
        (response.get("tus-checksum-algorithm") or "").split(",")
    )
    assert "application/partial-upload" in (response.get("accept-patch") or "")
    assert response.get("upload-limit") == f"max-size={1 << 30}"
    assert response.get("access-control-allow-origin") == "*"
    for name in ("PATCH", "HEAD", "DELETE", "POST"):
        assert name in (response.get("access-control-allow-methods") or "")
    allowed = (response.get("access-control-allow-headers") or "").lower()
    for name in ("tus-resumable", "upload-metadata", "upload-checksum", "authorization"):
        assert name in allowed


def test_trailers_are_not_announced_by_a_server_that_cannot_read_them() -> None:
    response = MemoryServer(trailers=False).request("OPTIONS")
    assert "trailer" not in (response.get("tus-extension") or "")


@pytest.mark.parametrize(
    ("method", "upload_id", "fields"),
    [
        ("POST", None, {**TUS, "upload-length": "999"}),
        ("HEAD", "nobody", TUS),
        ("POST", None, {}),
        ("POST", None, {**TUS, "upload-length": "5"}),
    ],
)
def test_scripts_of_other_origins_can_read_every_answer(
    method: str, upload_id: str | None, fields: dict[str, str]
) -> None:
    """A 413 without CORS looks like a broken network (tus.io#610)."""
    server = MemoryServer(UploadLimits(size=100))
    response = server.request(method, upload_id, {**fields, "origin": "https://elsewhere"})
    assert response.get("access-control-allow-origin") == "*"
    exposed = response.get("access-control-expose-headers") or ""
    for name in ("Location", "Upload-Offset", "Upload-Expires", "Tus-Max-Size"):
        assert name in exposed


def test_the_address_is_relative_or_the_configured_one() -> None:
    """Never one made of the Host or of X-Forwarded-Proto (tusd#467)."""
    spoofed = {**NEW, "host": "evil", "x-forwarded-proto": "http", "x-forwarded-host": "evil"}
    assert MemoryServer().request("POST", None, spoofed).get("location") == "/files/u0"
    server = MemoryServer(base="https://tv.example/files/")
    response = server.request("POST", None, spoofed)
    assert response.get("location") == "https://tv.example/files/u0"


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_method_override(method: str) -> None:
    """ "The actual method of the request MUST be ignored." """
    server = MemoryServer()
    upload_id = server.create(10)
    head = {**TUS, **DATA, "upload-offset": "0", "x-http-method-override": "PATCH"}
    assert server.request(method, upload_id, head, BODY).status == 204
    head = {**TUS, "x-http-method-override": "DELETE"}
    assert server.request(method, upload_id, head).status == 204
    assert server.head(upload_id).status == 410


def test_appending_until_the_length_is_reached() -> None:
    server = MemoryServer()
    upload_id = server.create(10)
    response = server.patch(upload_id, 0, BODY[:4])
    assert (response.status, response.get("upload-offset")) == (204, "4")
    assert server.loaded(upload_id).state is State.ACTIVE
    response = server.patch(upload_id, 4, BODY[4:])
    assert (response.status, response.get("upload-offset")) == (204, "10")
    assert server.loaded(upload_id).state is State.COMPLETE
    assert server.data[upload_id] == BODY


def test_an_empty_upload_is_complete_at_once() -> None:
    server = MemoryServer()
    assert server.loaded(server.create(0)).state is State.COMPLETE


def test_a_lost_last_answer_can_be_asked_for_again() -> None:
    """PeerTube#1145: the retry finds the upload complete, whatever it asks."""
    server = MemoryServer()
    upload_id = server.create(10)
    server.patch(upload_id, 0, BODY)
    before = server.data[upload_id][:]
    repeated = server.patch(upload_id, 0, BODY)
    assert (repeated.status, repeated.get("upload-offset")) == (409, "10")
    empty = server.patch(upload_id, 10)
    assert (empty.status, empty.get("upload-offset")) == (204, "10")
    assert server.offset(upload_id) == 10
    assert server.patch(upload_id, 10, b"more").status == 413
    assert server.data[upload_id] == before
    assert server.loaded(upload_id).state is State.COMPLETE


def test_repeated_creations_have_one_fingerprint() -> None:
    server = MemoryServer()
    given = {"upload_metadata": "filename YQ=="}
    first, again = (server.loaded(server.create(10, **given)) for _ in range(2))
    other = server.loaded(server.create(11, **given))
    assert first.fingerprint == again.fingerprint != other.fingerprint
