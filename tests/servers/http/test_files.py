"""Files sent from the disk, on real sockets."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.infra.file_region import CHUNK, FileRegion
from madang.servers.http.exchange import Exchange, http_date
from madang.servers.http.immutable import answer_file
from madang.servers.http.limits import DEFAULT_LIMITS
from madang.servers.http.listener import Listener
from tests.servers.http.test_connection import GET, answer_of, let_time_run_out, pass_time
from tests.support.clocks import ManualClock
from tests.support.data_plane import Loop, Port, listening, read_all, until

SIZE = 3 * CHUNK + 12_345
LARGE = 12 << 20
DATE = http_date(1_700_000_000)


class Files:
    """Answers with the file at the path, by path or by descriptor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.etag = '"one"'
        self.sent: list[int] = []
        self.descriptors: list[int] = []

    def __call__(self, exchange: Exchange) -> None:
        path = self.folder / exchange.path[1:]
        headers = [
            ("content-type", "video/mp4"),
            ("etag", self.etag),
            ("last-modified", DATE),
        ]
        if exchange.query_string:
            self.descriptors.append(os.open(path, os.O_RDONLY))
            self.sent.append(answer_file(exchange, self.descriptors[-1], headers))
        else:
            self.sent.append(answer_file(exchange, path, headers))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "file").write_bytes(os.urandom(SIZE))
    (tmp_path / "empty").write_bytes(b"")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(LARGE)
    return Files(tmp_path)


@pytest.fixture
def port(files: Files) -> Iterator[Port]:
    before = _open_files(files.folder)
    with listening(files) as port:
        yield port
    until(lambda: _open_files(files.folder) == before)  # a thread may be reading still


def _open_files(folder: Path) -> int:
    """Descriptors of this process that are files of `folder`."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith(str(folder))
        except FileNotFoundError:
            continue
    return count


def content(files: Files) -> bytes:
    return (files.folder / "file").read_bytes()


@pytest.mark.parametrize("path", ["/file", "/file?descriptor"])
def test_a_file_arrives_whole_and_the_connection_goes_on(
    port: Port, files: Files, path: str
) -> None:
    request = GET.replace(b"/ ", path.encode() + b" ")
    with port.connect() as client:
        for _ in range(3):
            client.sendall(request)
            head, _, body = answer_of(client).partition(b"\r\n\r\n")
            assert body == content(files)
            assert b"\r\naccept-ranges: bytes" in head
            assert b'\r\netag: "one"' in head
            assert f"\r\nlast-modified: {DATE}".encode() in head
    until(lambda: files.sent == [SIZE] * 3)


def test_pipelined_requests_for_files_are_answered_in_order(port: Port, files: Files) -> None:
    with port.connect() as client:
        client.sendall(GET.replace(b"/ ", b"/file ") * 3 + GET.replace(b"/ ", b"/empty "))
        for _ in range(3):
            assert answer_of(client).endswith(content(files))
        assert answer_of(client).endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        (f"bytes=100-{CHUNK + 100}", 100, CHUNK + 100),
        (f"bytes={CHUNK}-", CHUNK, SIZE - 1),
        ("bytes=-5", SIZE - 5, SIZE - 1),
        (f"bytes=-{10 * SIZE}", 0, SIZE - 1),
    ],
)
def test_a_range_of_a_file(port: Port, files: Files, wanted: str, first: int, last: int) -> None:
    answer = port.ask("/file", range=wanted)
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.body == content(files)[first : last + 1]
    until(lambda: files.sent == [last - first + 1])


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", "bytes=-0"])
def test_a_range_outside_of_a_file(port: Port, wanted: str) -> None:
    answer = port.ask("/file", range=wanted)
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


def test_several_ranges_get_the_whole_file(port: Port, files: Files) -> None:
    answer = port.ask("/file", range="bytes=0-1,4-5")
    assert (answer.status, answer.body) == (200, content(files))


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"one"', 206),
        ('"two"', 200),
        ('W/"one"', 200),
        (DATE, 206),
        (http_date(1_700_000_001), 200),
    ],
)
def test_if_range(port: Port, condition: str, status: int) -> None:
    assert port.ask("/file", range="bytes=0-1", if_range=condition).status == status


def test_a_weak_validator_gives_no_ranges_to_if_range(port: Port, files: Files) -> None:
    files.etag = 'W/"one"'
    assert port.ask("/file", range="bytes=0-1", if_range='W/"one"').status == 200
    assert port.ask("/file", range="bytes=0-1").status == 206
    assert port.ask("/file", if_none_match='"one"').status == 304


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"if_none_match": '"one"'}, 304),
        ({"if_none_match": 'W/"zero", W/"one"'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"two"'}, 200),
        ({"if_modified_since": DATE}, 304),
        ({"if_modified_since": http_date(1_600_000_000)}, 200),
        ({"if_none_match": '"two"', "if_modified_since": DATE}, 200),
    ],
)
def test_conditions(port: Port, fields: dict[str, str], status: int) -> None:
    answer = port.ask("/file", **fields)
    assert answer.status == status
    assert (answer.body == b"") == (status == 304)


def test_head_has_the_length_and_no_body(port: Port) -> None:
    answer = port.ask("/file", "HEAD", range="bytes=0-1")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(SIZE)


def test_a_missing_file_is_an_error_of_the_handler(port: Port) -> None:
    assert port.ask("/missing").status == 500
    assert port.ask("/empty").body == b""


def begin(port: Port) -> socket.socket:
    """A client that has asked for a large file and has taken little of it."""
    client = port.connect(receive_buffer=1 << 16)
    client.sendall(GET.replace(b"/ ", b"/large "))
    until(lambda: any(each._writer is not None for each in port.listener._connections))
    return client


def test_slow_clients_take_neither_memory_nor_threads_and_close_their_files(
    port: Port, files: Files
) -> None:
    port.ask("/file")
    threads = threading.active_count()
    clients = [begin(port) for _ in range(40)]  # more than the loop's default threads
    until(lambda: _open_files(files.folder) == 40)
    assert threading.active_count() <= threads + 1
    assert port.ask("/file").body == content(files)
    for client in clients:
        client.close()
    until(lambda: not port.listener._connections)
    assert _open_files(files.folder) == 0


def test_a_client_that_takes_nothing_of_a_file_is_disconnected(files: Files) -> None:
    time = ManualClock()
    with listening(files, clock=time.clock) as port, begin(port):
        pass_time(port, time, DEFAULT_LIMITS.send_timeout)
        assert port.listener._connections
        let_time_run_out(port, time, DEFAULT_LIMITS.send_timeout)
        assert _open_files(files.folder) == 0


def test_a_truncated_file_ends_the_connection(port: Port, files: Files) -> None:
    with begin(port) as client:
        os.truncate(files.folder / "large", 1 << 20)
        head, _, body = read_all(client).partition(b"\r\n\r\n")
        assert f"content-length: {LARGE}".encode() in head
        assert len(body) < LARGE
        assert not any(body)


def test_a_file_that_grows_is_sent_as_long_as_it_was(port: Port, files: Files) -> None:
    with begin(port) as client:
        with (files.folder / "large").open("ab") as large:
            large.write(b"more")
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(1 << 16)
        left = LARGE - len(received.partition(b"\r\n\r\n")[2])
        while left:
            left -= len(client.recv(min(left, 1 << 16)))
        client.sendall(GET.replace(b"/ ", b"/file "))
        assert answer_of(client).endswith(content(files))


def test_a_shutdown_closes_the_file(files: Files) -> None:
    loop = Loop()
    listener = Listener("127.0.0.1", 0, files)
    loop.call(listener.start)
    with begin(Port(loop, "127.0.0.1", listener.port, listener)):
        loop.run(listener.stop(0.1))
        assert _open_files(files.folder) == 0
    loop.close()


def test_a_client_that_left_before_the_answer_closes_the_file(files: Files) -> None:
    parked: list[Exchange] = []
    with listening(parked.append) as port:
        with port.connect() as client:
            client.sendall(GET.replace(b"/ ", b"/file "))
            until(lambda: parked)
        port.loop.call(lambda: [each.close() for each in list(port.listener._connections)])
        port.loop.call(lambda: files(parked[0]))
        assert _open_files(files.folder) == 0


def test_a_file_that_is_not_in_memory_is_read_by_a_thread(
    port: Port, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: set[str] = set()
    real = os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        readers.add(threading.current_thread().name)
        return real(descriptor, size, offset)

    def cold(region: FileRegion) -> bool:
        return region._offset + region._next() <= region._prefetched

    monkeypatch.setattr(os, "pread", pread)
    monkeypatch.setattr(FileRegion, "is_cached", cold)
    assert port.ask("/file").body == content(files)
    assert readers
    assert "air" not in readers
    clients = [begin(port) for _ in range(3)]
    for client in clients:
        client.close()
