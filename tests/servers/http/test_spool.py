from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest

from madang.servers.http import spool as made_here
from madang.servers.http.exchange import Exchange
from madang.servers.http.immutable import answer_immutable
from madang.servers.http.spool import LEAST, SENDS, Spool
from tests.support.air import listening

BODY = os.urandom(3 * LEAST)


@pytest.fixture
def spool() -> Iterator[Spool]:
    """A spool that is closed at the end."""
    made = Spool()
    yield made
    made.close()


def last_of(spool: Spool, name: str, body: bytes) -> int:
    """The descriptor after as many sends as make a file."""
    for _ in range(SENDS - 1):
        assert spool.file(name, body) == -1
    return spool.file(name, body)


def test_a_body_that_many_are_sent_gets_a_file_and_keeps_it(spool: Spool) -> None:
    descriptor = last_of(spool, "one", BODY)
    assert os.pread(descriptor, len(BODY) + 1, 0) == BODY
    assert spool.file("one", BODY) == descriptor


def test_small_bodies_get_none(spool: Spool) -> None:
    assert {spool.file("small", bytes(LEAST - 1)) for _ in range(SENDS + 1)} == {-1}


def test_the_oldest_files_make_room_and_are_closed(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_here, "ROOM", 2 * len(BODY))
    first, second, third = (last_of(spool, name, BODY) for name in ("one", "two", "three"))
    assert second != third
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(first)
    assert os.fstat(second).st_size == os.fstat(third).st_size == len(BODY)


def test_of_bodies_that_few_are_sent_little_is_remembered(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_here, "KNOWN", 10)
    for number in range(100):
        spool.file(f"name {number}", BODY)
    assert len(spool._sends) == 10


def test_without_a_descriptor_bodies_are_copied(spool: Spool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = os.dup(0)
    os.close(highest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    try:
        assert last_of(spool, "one", BODY) == -1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_reads_slowly_gets_the_same_bytes() -> None:
    large = os.urandom(6 << 20)

    def dispatch(exchange: Exchange) -> None:
        answer_immutable(exchange, "video/mp4", '"large"', large)

    with listening(dispatch) as port:
        for _ in range(SENDS + 2):
            assert port.ask("/").body == large
        assert port.ask("/", "HEAD").body == b""
        assert port.ask("/", range="bytes=5-9").body == large[5:10]
        with port.connect(receive_buffer=4096) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            received = b""
            while data := slow.recv(65_536):
                received += data
        assert received.endswith(b"\r\n\r\n" + large)
