"""Uploads where two things happen at once, or the disk fails in the middle."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from madang.infra.disk import Disk
from tests.support.clocks import ManualClock
from tests.support.data_plane import until
from tests.support.disks import GatedDisk, GatedJoins
from tests.support.upload_server import MemoryLedger, UploadPort, uploading

pytestmark = pytest.mark.usefixtures("station")


def test_an_upload_whose_last_bytes_a_newcomer_had_stored_is_handed_on(tmp_path: Path) -> None:
    disk, content = GatedDisk(), os.urandom(70_000)
    with uploading(tmp_path, disk=disk) as port:
        path = port.create(len(content))
        with port.port.connect() as connection:
            connection.sendall(port.head_of_patch(path, 0, len(content)) + content)
        assert disk.waits.wait(10.0)
        answers: list[int] = []
        again = threading.Thread(target=lambda: answers.append(port.patch(path, 0, content).status))
        again.start()
        again.join(0.2)
        disk.gate.set()
        again.join(10.0)
        assert answers == [409]
        assert port.offset(path) == len(content)  # for the client this is the end
        until(lambda: port.ledger.finished == [(path[7:], len(content))])


class SmallDisk(Disk):
    """A disk with 100,000 free bytes."""

    def free(self, folder: Path) -> int:
        return 100_000


@dataclass
class GatedLedger(MemoryLedger):
    """Rows that take a while to note a length."""

    gate: threading.Event = field(default_factory=threading.Event)
    waits: threading.Event = field(default_factory=threading.Event)

    def declare(self, upload_id: str, length: int) -> None:
        self.waits.set()
        assert self.gate.wait(10.0)
        super().declare(upload_id, length)


def test_lengths_that_are_told_at_the_same_time_are_reserved_together(tmp_path: Path) -> None:
    ledger = GatedLedger()
    with uploading(tmp_path, ledger, disk=SmallDisk()) as port:
        first, second = port.create(), port.create()
        answers: list[int] = []

        def declare(path: str) -> None:
            answers.append(port.patch(path, 0, b"", upload_length="60000").status)

        thread = threading.Thread(target=declare, args=(first,))
        thread.start()
        assert ledger.waits.wait(10.0)
        threading.Timer(0.3, ledger.gate.set).start()
        declare(second)
        thread.join(10.0)
        assert sorted(answers) == [204, 507]


class RecordlessDisk(Disk):
    """A disk that has no room for records."""

    def replace(self, path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")


def test_an_upload_that_finds_no_room_for_its_record_takes_none_of_a_quota(tmp_path: Path) -> None:
    with uploading(tmp_path, disk=RecordlessDisk()) as port:
        assert port.ask("POST", upload_length="5").status == 507
        (upload_id,) = port.ledger.begun
        until(lambda: port.ledger.ended == {upload_id: "failed"})


class UnsyncedDisk(Disk):
    """A disk that takes `room` bytes and fails to bring them to the platters while `failing`."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.failing = False

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        if self.failing and offset + len(data) > self.room:
            raise OSError(errno.ENOSPC, "full")
        return super().write(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        if self.failing and os.readlink(f"/proc/self/fd/{descriptor}").endswith("/data"):
            raise OSError(errno.EIO, "not written")
        super().sync(descriptor)


@pytest.mark.parametrize("room", [1 << 30, 2 << 20], ids=["sync fails", "write and sync fail"])
def test_bytes_that_did_not_reach_the_disk_are_not_acknowledged(tmp_path: Path, room: int) -> None:
    disk, content = UnsyncedDisk(room), os.urandom(3 << 20)
    with uploading(tmp_path, disk=disk) as port:
        path = port.create(len(content))
        disk.failing = True
        assert port.patch(path, 0, content).status in {500, 507}
        assert port.offset(path) == 0
        assert port.ledger.finished == []
        disk.failing = False
        assert port.patch(path, 0, content).status == 204
        assert port.data(path) == content


def parts_of(port: UploadPort, content: bytes) -> list[str]:
    half = len(content) // 2
    paths = []
    for piece in (content[:half], content[half:]):
        paths.append(port.create(len(piece), upload_concat="partial"))
        assert port.patch(paths[-1], 0, piece).status == 204
    return paths


def test_a_join_that_was_deleted_spoils_nothing_of_the_next_one(tmp_path: Path) -> None:
    disk, content = GatedJoins(), os.urandom(2000)
    with uploading(tmp_path, disk=disk) as port:
        final = f"final;{' '.join(parts_of(port, content))}"
        disk.closed = True
        path = port.ask("POST", upload_concat=final).headers["location"]
        assert disk.waits.wait(10.0)
        assert port.ask("DELETE", path).status == 204
        assert port.ask("POST", upload_concat=final).headers["location"] == path
        disk.second.wait(0.3)  # it waits for the first one
        disk.gate.set()
        until(lambda: port.ledger.finished == [(path[7:], len(content))])
    assert port.data(path) == content


@pytest.mark.parametrize("ends", ["deleted", "expired"])
def test_parts_are_there_until_they_are_joined(tmp_path: Path, ends: str) -> None:
    disk, content, clock = GatedJoins(), os.urandom(2000), ManualClock()
    with uploading(
        tmp_path, disk=disk, clock=clock.clock, lifetime=100.0, sweep_seconds=0.02
    ) as port:
        paths = parts_of(port, content)
        disk.closed = True
        path = port.ask("POST", upload_concat=f"final;{' '.join(paths)}").headers["location"]
        assert disk.waits.wait(10.0)
        other = port.create(5)
        if ends == "deleted":
            assert port.ask("DELETE", paths[0]).status == 204
        else:
            clock.advance(101)
            until(lambda: port.ledger.ended.get(other[7:]) == "expired")
        disk.gate.set()
        until(lambda: port.ledger.finished == [(path[7:], len(content))])
        assert port.data(path) == content
        until(lambda: not any(port.file(each).exists() for each in paths))


def test_what_came_of_content_with_a_checksum_that_was_cut_off_is_not_kept(tmp_path: Path) -> None:
    content = os.urandom(70_000)
    digest = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    with uploading(tmp_path) as port:
        path = port.create(len(content))
        head = port.head_of_patch(path, 0, len(content))
        head = head.replace(b"\r\n\r\n", f"\r\nUpload-Checksum: sha1 {digest}\r\n\r\n".encode())
        with port.port.connect() as connection:
            connection.sendall(head + content[:40_000])
            until(lambda: port.receives(path))
        until(lambda: not port.receives(path))
        assert port.offset(path) == 0
        assert port.patch(path, 0, content, upload_checksum=f"sha1 {digest}").status == 204
        assert port.data(path) == content
