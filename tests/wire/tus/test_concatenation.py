"""Concatenation of tus 1.0: partial and final uploads."""

from __future__ import annotations

import pytest

from madang.wire.tus import StaleTransfer, State, UploadLimits
from tests.wire.tus.server import DATA, TUS, MemoryServer, located, words


def parts(server: MemoryServer, *bodies: bytes) -> list[str]:
    return [server.create(len(body), body, upload_concat="partial") for body in bodies]


def concat(*urls: str) -> dict[str, str]:
    return {**TUS, "upload-concat": f"final;{' '.join(urls)}"}


def test_parts_become_one_upload() -> None:
    server = MemoryServer()
    a, b = parts(server, b"hello", b" world")
    given = {**concat(f"/files/{a}", f"/files/{b}"), "upload-metadata": "filename YQ=="}
    response = server.request("POST", None, given)
    assert response.status == 201
    final = located(response)
    response = server.head(final)
    assert response.get("upload-offset") is None
    assert response.get("upload-length") == "11"
    server.join()
    response = server.head(final)
    assert response.get("upload-offset") == response.get("upload-length") == "11"
    assert response.get("upload-concat") == given["upload-concat"]
    assert response.get("upload-metadata") == "filename YQ=="
    assert response.get("upload-expires") is None
    assert server.data[final] == b"hello world"


@pytest.mark.parametrize(
    "url",
    [
        "/files/{}",
        "{}",
        "./{}",
        "../files/{}",
        "https://tv.example/files/{}",
        "http://localhost:8000/files/{}",
        "//tv.example/files/{}",
    ],
)
@pytest.mark.parametrize("base", ["/files/", "https://tv.example/files/"])
def test_addresses_of_parts_are_absolute_or_relative(url: str, base: str) -> None:
    server = MemoryServer(base=base)
    a, b = parts(server, b"a", b"b")
    server.create(upload_concat=f"final;{url.format(b)} {url.format(a)}")
    server.join()
    assert b"ba" in server.data.values()


@pytest.mark.parametrize(
    ("concat", "status", "said"),
    [
        ("final;", 400, "between 1 and 3"),
        ("final; ", 400, "between 1 and 3"),
        ("final", 400, "final;"),
        ("final;/files/u0 /files/u0 /files/u0 /files/u0", 400, "between 1 and 3"),
        ("final;/other/u0", 400, "not the address"),
        ("final;/files/", 400, "not the address"),
        ("final;/files/../u0", 400, "not the address"),
        ("final;/files/a/b", 400, "not the address"),
        ("final;/files/u0?x=1", 400, "not the address"),
        ("final;http://[x/files/u0", 400, "not the address"),
        ("final;/files/%2e%2e%2fu0", 400, "not the address"),
        ("final;/files/u\t0", 400, "not the address"),
        ("final;/files/u0\r/files/u0", 400, "not the address"),
        ("final;/files/ú0", 400, "not the address"),
        ("final;/files/nobody", 400, "unknown"),
        ("final;/files/u0 /files/u1", 409, "not complete"),
        ("final;/files/u2", 400, "not created as partial"),
        ("final;/files/u3", 400, "gone"),
        ("final;/files/u0 /files/u0", 413, "at most 9"),
    ],
)
def test_what_cannot_be_joined(concat: str, status: int, said: str) -> None:
    server = MemoryServer(UploadLimits(size=9, parts=3))
    parts(server, b"hello")
    server.create(5, upload_concat="partial")
    server.create(5, b"whole")
    server.create(5, b"five.", upload_concat="partial")
    server.request("DELETE", "u3", TUS)
    response = server.request("POST", None, {**TUS, "upload-concat": concat})
    assert response.status == status
    assert said in words(response)
    assert len(server.records) == 4


def test_a_final_upload_takes_no_data() -> None:
    """ "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final
    upload URL" """
    server = MemoryServer()
    (a,) = parts(server, b"hello")
    final = server.create(upload_concat=f"final;/files/{a}")
    assert server.patch(final, 0, b"more").status == 403
    server.join()
    assert server.patch(final, 5, b"more").status == 403
    response = server.request("POST", None, {**concat(f"/files/{a}"), **DATA}, b"more")
    assert response.status == 400


def test_a_length_of_the_final_upload_has_to_be_right() -> None:
    """Clients must not send one, but some do."""
    server = MemoryServer()
    (a,) = parts(server, b"hello")
    wrong = {**concat(f"/files/{a}"), "upload-length": "6"}
    assert server.request("POST", None, wrong).status == 400
    assert server.request("POST", None, {**wrong, "upload-length": "5"}).status == 201


def test_the_same_parts_have_one_address() -> None:
    """A repeated request, as the first outlived the timeout of a proxy (tusd#1364)."""
    server = MemoryServer()
    a, b = parts(server, b"hello", b" world")
    order = concat(f"/files/{a}", f"/files/{b}")
    first = server.request("POST", None, order)
    assert server.request("POST", None, order) == first
    server.join()
    assert server.request("POST", None, order) == first
    for part in (a, b):
        server.request("DELETE", part, TUS)
    assert server.request("POST", None, order) == first
    assert len(server.records) == 3
    other = server.request("POST", None, concat(f"/files/{b}", f"/files/{a}"))
    assert other.get("location") != first.get("location")


def test_an_expired_part_cannot_be_joined() -> None:
    server = MemoryServer(UploadLimits(lifetime=60))
    (a,) = parts(server, b"hello")
    server.now += 60
    response = server.request("POST", None, concat(f"/files/{a}"))
    assert response.status == 400
    assert "gone" in words(response)


def test_a_join_that_failed_says_why() -> None:
    server = MemoryServer()
    (a,) = parts(server, b"hello")
    order = concat(f"/files/{a}")
    final = located(server.request("POST", None, order))
    server.store(server.protocol.fail(server.loaded(final), "The disk is full."))
    assert server.head(final).status == 410
    assert "The disk is full." in words(server.request("GET", final, TUS))
    assert located(server.request("POST", None, order)) == final
    server.join()
    assert server.loaded(final).state is State.COMPLETE


def test_a_join_of_a_deleted_upload_is_not_published() -> None:
    server = MemoryServer()
    (a,) = parts(server, b"hello")
    order = concat(f"/files/{a}")
    final = located(server.request("POST", None, order))
    slow = server.waiting()
    assert server.request("DELETE", final, TUS).status == 204
    with pytest.raises(StaleTransfer):
        server.join(slow)
    server.request("POST", None, order)
    with pytest.raises(StaleTransfer):
        server.join(slow)
    server.join()
    with pytest.raises(StaleTransfer):
        server.join(slow)


def test_a_terminated_final_upload_is_made_again_by_the_same_request() -> None:
    server = MemoryServer()
    (a,) = parts(server, b"hello")
    order = concat(f"/files/{a}")
    final = located(server.request("POST", None, order))
    server.join()
    assert server.request("DELETE", final, TUS).status == 204
    assert server.head(final).status == 410
    assert server.request("POST", None, order).status == 201
    server.join()
    assert server.offset(final) == 5
