"""Uploads and the disk: reservation, expiry, recovery after a crash, joins, memory."""

from __future__ import annotations

import errno
import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from madang.infra.disk import Disk
from madang.servers.uploads import completion, receiving
from madang.wire.tus import Dialect, State, Upload, encode
from tests.support.clocks import ManualClock
from tests.support.data_plane import Answer, until
from tests.support.sizes import sized
from tests.support.upload_server import TUS, VIDEO, MemoryLedger, UploadPort, uploading

pytestmark = pytest.mark.usefixtures("station")

CONTENT = os.urandom(200_000)


class SmallDisk(Disk):
    """A disk with `room` bytes, which says how many are free."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "full")
        taken = os.pwrite(descriptor, bytes(data[: self.room]), offset)
        self.room -= taken
        return taken

    def free(self, folder: Path) -> int:
        return self.room


class LyingDisk(SmallDisk):
    """The same, but it says that there is room."""

    def free(self, folder: Path) -> int:
        return 1 << 40

    def replace(self, path: Path, data: bytes) -> None:
        room, self.room = self.room, 1 << 20  # records find their room
        super().replace(path, data)
        self.room = room


def test_declared_bytes_are_reserved_before_the_first_one_comes(tmp_path: Path) -> None:
    with uploading(tmp_path, disk=SmallDisk(102_000), reserve=10_000) as port:
        first = port.create(60_000)
        refused = port.ask("POST", upload_length="40000")
        assert refused.status == 507
        assert "no room for this file" in refused.text
        assert port.create(28_000)
        assert port.ask("DELETE", first).status == 204
        assert port.create(60_000)


def test_a_length_that_is_told_later_is_reserved_then(tmp_path: Path) -> None:
    with uploading(tmp_path, disk=SmallDisk(100_000)) as port:
        path = port.create()
        assert port.patch(path, 0, b"abc", upload_length="200000").status == 507
        assert port.offset(path) == 0
        assert port.patch(path, 0, b"abc", upload_length="50000").status == 204
        assert port.ledger.declared == {path[7:]: 50_000}


def test_a_full_disk_keeps_what_it_took_and_the_upload_goes_on_later(tmp_path: Path) -> None:
    disk = LyingDisk(120_000)
    with uploading(tmp_path, disk=disk) as port:
        path = port.create(len(CONTENT))
        assert port.patch(path, 0, CONTENT).status == 507
        reached = port.offset(path)
        assert 0 < reached <= 120_000
        assert port.data(path)[:reached] == CONTENT[:reached]
        disk.room = 1 << 30
        assert port.patch(path, reached, CONTENT[reached:]).status == 204
        assert port.data(path) == CONTENT


class ForgetfulDisk(Disk):
    """A disk that has no room for records while `full`."""

    full = False

    def replace(self, path: Path, data: bytes) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "full")
        super().replace(path, data)


def test_bytes_whose_record_found_no_room_are_not_in_the_file_later(tmp_path: Path) -> None:
    disk = ForgetfulDisk()
    with uploading(tmp_path, disk=disk) as port:
        created = port.ask("POST", body=b"", upload_complete="?0")
        path = created.headers["location"]
        part = {"content_type": "application/partial-upload", "upload_complete": "?1"}

        def contents() -> Iterator[bytes]:
            yield CONTENT
            until(lambda: port.receives(path))
            disk.full = True

        assert port.ask("PATCH", path, contents(), upload_offset="0", **part).status == 507
        assert port.file(path).stat().st_size == len(CONTENT)
        disk.full = False
        assert port.ask("PATCH", path, b"short", upload_offset="0", **part).status == 200
        assert port.data(path) == b"short"


def test_an_upload_of_unknown_length_ends_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "SYNC_BYTES", 2 << 20)
    monkeypatch.setattr(receiving, "WRITE_BYTES", 1 << 20)
    with uploading(tmp_path, disk=SmallDisk(20 << 20), reserve=10 << 20) as port:
        path = port.create()
        answer = port.patch(path, 0, bytes(15 << 20))
        assert answer.status == 507
        reached = port.offset(path)
        assert 10 << 20 <= reached < 14 << 20
        assert port.file(path).stat().st_size == reached
        assert port.ask("DELETE", path).status == 204


def test_abandoned_ones_expire_and_active_ones_never(tmp_path: Path) -> None:
    clock = ManualClock()
    with uploading(tmp_path, clock=clock.clock, lifetime=100.0, sweep_seconds=0.02) as port:
        abandoned, alive = port.create(10), port.create(10)
        port.patch(abandoned, 0, b"a")
        clock.advance(90)
        assert port.patch(alive, 0, b"a").status == 204
        with port.port.connect() as slow:
            held = port.create(10)
            slow.sendall(port.head_of_patch(held, 0, 10) + b"a")
            until(lambda: port.receives(held))
            clock.advance(50)
            until(lambda: port.ledger.ended == {abandoned[7:]: "expired"})
            gone = port.ask("HEAD", abandoned)
            assert gone.status == 410
            assert not port.file(abandoned).exists()
            clock.advance(60)  # longer than the lifetime, but its connection is there
            until(lambda: port.ledger.ended.get(alive[7:]) == "expired")
            slow.sendall(b"bcdefghij")
            until(lambda: len(port.ledger.finished) == 1)
        clock.advance(completion.REMEMBERED_SECONDS + 1)
        until(lambda: not (tmp_path / "uploads" / abandoned[7:]).exists())
        assert port.ask("HEAD", abandoned).status == 404


def test_many_that_are_opened_and_abandoned_leave_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    count = sized(100, 1000)
    with uploading(tmp_path, clock=clock.clock, lifetime=100.0, sweep_seconds=0.02) as port:
        for _ in range(count):
            port.create(5_000)
        assert port.uploads.open == count
        clock.advance(101)
        until(lambda: len(port.ledger.ended) == count)
        assert port.uploads.open == 0
        clock.advance(completion.REMEMBERED_SECONDS + 1)
        until(lambda: not list((tmp_path / "uploads").iterdir()))


# --- crashes ---


def stored(storage: Path, upload: Upload, data: bytes) -> Path:
    folder = storage / "uploads" / upload.id
    folder.mkdir(parents=True)
    (folder / "upload.json").write_bytes(encode(upload))
    (folder / "data").write_bytes(data)
    return folder


UPLOAD = Upload(
    "a" * 32,
    Dialect.TUS,
    length=10,
    offset=4,
    expires_at=2e9,
    attributes={"account": "7", "video": VIDEO},
)


def test_after_a_crash_what_was_recorded_is_there_and_nothing_more(tmp_path: Path) -> None:
    stored(tmp_path, UPLOAD, b"abcdef")
    with uploading(tmp_path) as port:
        path = f"/files/{UPLOAD.id}"
        assert port.file(path).stat().st_size == 4
        assert port.offset(path) == 4
        assert port.patch(path, 4, b"efghij").status == 204
        assert port.data(path) == b"abcdefghij"


def test_an_upload_that_lost_bytes_says_so(tmp_path: Path) -> None:
    stored(tmp_path, UPLOAD, b"ab")
    with uploading(tmp_path) as port:
        answer = port.ask("GET", f"/files/{UPLOAD.id}")
        assert answer.status == 410
        assert "lost in a crash" in answer.text


def test_a_record_that_cannot_be_read_keeps_nobody_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = stored(tmp_path, UPLOAD, b"abcdef")
    (folder / "upload.json").write_bytes(b"{")
    with uploading(tmp_path) as port:
        assert port.ask("HEAD", f"/files/{UPLOAD.id}").status == 404
    assert (folder / "data").read_bytes() == b"abcdef"
    assert "is left alone" in caplog.text


def test_a_server_that_is_killed_at_any_moment_loses_nothing_that_it_acknowledged(
    tmp_path: Path,
) -> None:
    program = Path(__file__).parents[2] / "support" / "upload_process.py"
    for round_number in range(sized(2, 10)):
        storage = tmp_path / str(round_number)
        content = os.urandom(6_000_000)
        client = Client(content)
        kills = 0
        while client.offset < len(content):
            with subprocess.Popen(
                [sys.executable, str(program), str(storage)], stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout is not None
                client.number = int(process.stdout.readline())
                client.send(0.002 * (kills + 1) if kills < 3 else None, process.kill)
                kills += 1
                process.kill()
        assert kills >= 3
        data = storage / "uploads" / client.path.removeprefix("/files/") / "data"
        assert data.read_bytes() == content


class Client:
    """A client that goes on with an upload of `content` at one server after another."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.path = ""
        self.offset = 0
        self.number = 0

    def send(self, delay: float | None, kill: Callable[[], None]) -> None:
        """Send pieces; have the server killed `delay` seconds after the second one has begun."""
        if not self.path:
            length = str(len(self.content))
            self.path = self._ask("POST", "/files/", upload_length=length).headers["location"]
        at = int(self._ask("HEAD", self.path).headers["upload-offset"])
        assert at >= self.offset  # what was acknowledged
        self.offset = at
        begun = at
        while self.offset < len(self.content):
            timer = None
            if delay is not None and self.offset > begun:
                timer = threading.Timer(delay, kill)
                timer.start()
            try:
                answer = self._ask(
                    *("PATCH", self.path, self.content[self.offset : self.offset + 1_000_000]),
                    upload_offset=str(self.offset),
                    content_type="application/offset+octet-stream",
                )
            except (OSError, http.client.HTTPException):
                return
            finally:
                if timer is not None:
                    timer.join()
            assert answer.status == 204
            self.offset = int(answer.headers["upload-offset"])

    def _ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.number, timeout=20)
        given = {"Authorization": "Bearer owner"} | {
            name.replace("_", "-"): value for name, value in (TUS | fields).items()
        }
        connection.request(method, path, body, given)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())


def test_data_that_a_crash_left_of_an_upload_that_is_gone_is_deleted(tmp_path: Path) -> None:
    folder = stored(tmp_path, replace(UPLOAD, state=State.EXPIRED), b"abcd")
    with uploading(tmp_path, sweep_seconds=0.02) as port:
        until(lambda: not (folder / "data").exists())
        assert port.ask("HEAD", f"/files/{UPLOAD.id}").status == 410


# --- joins ---


@pytest.fixture
def port(tmp_path: Path) -> Iterator[UploadPort]:
    with uploading(tmp_path) as made:
        yield made


def part(port: UploadPort, content: bytes) -> str:
    path = port.create(len(content), upload_concat="partial")
    port.patch(path, 0, content)
    return path


def test_parts_are_joined_in_their_order_at_one_address_and_handed_on_once(
    port: UploadPort,
) -> None:
    paths = [part(port, CONTENT[at : at + 50_000]) for at in range(0, len(CONTENT), 50_000)]
    assert port.ledger.finished == []
    final = f"final;{' '.join(paths)}"
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(port.ask("POST", upload_concat=final)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {201}
    (path,) = {answer.headers["location"] for answer in answers}
    until(lambda: port.ledger.finished == [(path[7:], len(CONTENT))])
    assert port.data(path) == CONTENT
    assert port.ask("HEAD", path).headers["madang-video"] == VIDEO
    until(lambda: not any(port.file(each).exists() for each in paths))
    assert set(port.ledger.ended.values()) == {"joined"}
    assert port.ask("POST", upload_concat=final).headers["location"] == path
    assert port.patch(path, 0, b"x").status == 403


def test_parts_of_others_are_not_joined(port: UploadPort) -> None:
    path = part(port, b"abc")
    assert port.ask("POST", who="other", upload_concat=f"final;{path}").status == 400


def test_a_join_that_a_crash_cut_off_is_done_at_the_next_start(tmp_path: Path) -> None:
    first = replace(UPLOAD, id="b" * 32, kind="partial", state=State.COMPLETE, length=3, offset=3)
    stored(tmp_path, first, b"abc")
    final = replace(
        UPLOAD, kind="final", state=State.JOINING, length=3, offset=0, parts=(first.id,)
    )
    stored(tmp_path, final, b"a")
    ledger = MemoryLedger()
    with uploading(tmp_path, ledger) as port:
        until(lambda: ledger.finished == [(final.id, 3)])
        assert port.data(f"/files/{final.id}") == b"abc"


# --- memory ---


def test_memory_does_not_grow_with_the_size_of_an_upload(port: UploadPort) -> None:
    length = sized(200, 1024) << 20
    block = os.urandom(1 << 20)

    def resident() -> int:
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) << 10

    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = resident()
    path = port.create(length)
    answer = port.ask(
        *("PATCH", path, (block for _ in range(length >> 20))),
        upload_offset="0",
        content_type="application/offset+octet-stream",
        content_length=str(length),
    )
    assert answer.status == 204, answer.text
    assert port.file(path).stat().st_size == length
    assert resident() - before < 50 << 20
