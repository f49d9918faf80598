from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest

from madang.servers.http.exchange import Exchange
from madang.servers.http.immutable import answer_immutable
from madang.servers.http.memfd_cache import DEFAULT_LIMITS, MemfdCache, MemfdLimits
from tests.support.data_plane import listening, until

LEAST, SENDS = DEFAULT_LIMITS.min_size, DEFAULT_LIMITS.sends
BODY = os.urandom(3 * LEAST)
START, END = b"HTTP/1.1 200 OK\r\n", b"date: today\r\n\r\n"


@pytest.fixture
def memfd_cache() -> Iterator[MemfdCache]:
    """A cache whose files are closed at the end."""
    made = MemfdCache()
    yield made
    made.rotate()


def last_of(memfd_cache: MemfdCache, body: bytes) -> int:
    """The descriptor after as many sends as make a file."""
    for _ in range(SENDS - 1):
        assert memfd_cache.descriptor(START, END, body) == -1
    return memfd_cache.descriptor(START, END, body)


def content(descriptor: int) -> bytes:
    return os.pread(descriptor, 1 << 20, 0)


def test_an_answer_that_many_are_sent_gets_a_file_and_keeps_it(memfd_cache: MemfdCache) -> None:
    descriptor = last_of(memfd_cache, BODY)
    assert content(descriptor) == START + END + BODY
    assert memfd_cache.descriptor(START, END, BODY) == descriptor


def test_a_rotation_closes_the_files_and_the_next_has_its_own_head(memfd_cache: MemfdCache) -> None:
    first = last_of(memfd_cache, BODY)
    memfd_cache.rotate()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(first)
    for _ in range(SENDS - 1):
        assert memfd_cache.descriptor(START, b"date: tomorrow\r\n\r\n", BODY) == -1
    second = memfd_cache.descriptor(START, b"date: tomorrow\r\n\r\n", BODY)
    assert content(second) == START + b"date: tomorrow\r\n\r\n" + BODY


def test_bodies_that_look_alike_are_not_taken_for_each_other(memfd_cache: MemfdCache) -> None:
    # Parts of two renditions, and pictures of two channels, may have the same name.
    bodies = [os.urandom(len(BODY)) for _ in range(3)]
    descriptors = [last_of(memfd_cache, body) for body in bodies]
    assert [content(each) for each in descriptors] == [START + END + body for body in bodies]


def test_a_body_with_another_head_is_copied(memfd_cache: MemfdCache) -> None:
    last_of(memfd_cache, BODY)
    assert memfd_cache.descriptor(b"HTTP/1.1 203 Other\r\n", END, BODY) == -1


def test_small_bodies_get_none(memfd_cache: MemfdCache) -> None:
    small = bytes(LEAST - 1)
    assert {memfd_cache.descriptor(START, END, small) for _ in range(SENDS + 1)} == {-1}


@pytest.mark.parametrize(
    "limits", [MemfdLimits(max_bytes=2 * len(BODY + START + END)), MemfdLimits(max_files=2)]
)
def test_what_does_not_fit_is_copied_until_the_next_rotation(limits: MemfdLimits) -> None:
    memfd_cache = MemfdCache(limits)
    bodies = [os.urandom(len(BODY)) for _ in range(3)]
    assert [last_of(memfd_cache, body) >= 0 for body in bodies] == [True, True, False]
    assert {memfd_cache.descriptor(START, END, bodies[2]) for _ in range(SENDS)} == {-1}
    memfd_cache.rotate()
    assert last_of(memfd_cache, bodies[2]) >= 0
    memfd_cache.rotate()


def test_few_bodies_are_counted() -> None:
    memfd_cache = MemfdCache(MemfdLimits(max_counted=10))
    for _ in range(100):
        memfd_cache.descriptor(START, END, os.urandom(LEAST))
    assert len(memfd_cache._entries) == 10


def test_without_a_descriptor_bodies_are_copied(memfd_cache: MemfdCache) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = os.dup(0)
    os.close(highest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    try:
        assert last_of(memfd_cache, BODY) == -1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_two_files_of_one_name_keep_their_bytes() -> None:
    bodies = {f"/{name}": os.urandom(3 * LEAST) for name in ("low", "high")}

    def dispatch(exchange: Exchange) -> None:
        answer_immutable(exchange, "video/mp4", '"part-1"', bodies[exchange.path])

    with listening(dispatch) as port:
        for _ in range(SENDS + 2):
            assert {path: port.ask(path).body for path in bodies} == bodies


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
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: any(each.busy for each in port.listener._connections))
            port.loop.call(port.listener.tick)  # the file that it was begun from is gone
            received = b""
            while not received.endswith(large[-100:]):
                data = slow.recv(65_536)
                assert data
                received += data
        assert received.partition(b"\r\n\r\n")[2] == large
