"""Uploads over real sockets: creation, appends, ends, and what the disk has of them."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.wire.tus import Problem, UploadError
from tests.support.data_plane import read_all, until
from tests.support.disks import GatedDisk
from tests.support.upload_server import (
    OFFSET_STREAM,
    VIDEO,
    MemoryLedger,
    UploadPort,
    metadata,
    uploading,
)

pytestmark = pytest.mark.usefixtures("station")

CONTENT = os.urandom(300_000)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[UploadPort]:
    with uploading(tmp_path) as made:
        yield made


def test_an_upload_in_pieces_is_stored_byte_for_byte_and_handed_on_once(port: UploadPort) -> None:
    names = metadata(channel="yard", filename="축제.mp4")
    path = port.create(len(CONTENT), upload_metadata=names)
    new = port.ledger.begun[path.removeprefix("/files/")]
    assert new.metadata == {"channel": "yard", "filename": "축제.mp4"}
    assert (new.account_id, new.length, new.video_id) == (7, len(CONTENT), VIDEO)
    for begin in range(0, len(CONTENT), 100_000):
        answer = port.patch(path, begin, CONTENT[begin : begin + 100_000])
        assert answer.status == 204, answer.text
        assert answer.headers["upload-offset"] == str(begin + 100_000)
    assert answer.headers["madang-video"] == VIDEO
    assert port.data(path) == CONTENT
    port.file(path).unlink()  # its video is made
    repeated = port.patch(path, len(CONTENT), b"")
    assert (repeated.status, repeated.headers["madang-video"]) == (204, VIDEO)
    assert not port.file(path).exists()
    head = port.ask("HEAD", path)
    assert (head.headers["upload-offset"], head.headers["madang-video"]) == ("300000", VIDEO)
    assert port.ledger.finished == [(new.id, len(CONTENT))]


def test_a_file_that_replaces_that_of_a_video_names_the_video(port: UploadPort) -> None:
    path = port.create(len(CONTENT), upload_metadata=metadata(replaces="Drum5atDusk7"))
    assert port.patch(path, 0, CONTENT).headers["madang-video"] == "Drum5atDusk7"
    assert port.ask("HEAD", path).headers["madang-video"] == "Drum5atDusk7"


def test_a_video_is_named_by_the_last_answer_alone(port: UploadPort) -> None:
    path = port.create(len(CONTENT))
    assert "madang-video" not in port.patch(path, 0, CONTENT[:10]).headers
    assert "madang-video" not in port.ask("HEAD", path).headers


def test_content_may_come_with_the_creation_and_in_chunks(port: UploadPort) -> None:
    answer = port.ask(
        *("POST", "/files/", iter([CONTENT[:7], CONTENT[7:]])),
        upload_length=str(len(CONTENT)),
        content_type=OFFSET_STREAM,
    )
    assert answer.status == 201, answer.text
    assert port.data(answer.headers["location"]) == CONTENT


def test_curl_uploads_by_the_protocol_of_the_ietf(port: UploadPort) -> None:
    created = port.ask(
        "POST", body=b"", upload_complete="?0", upload_metadata=metadata(channel="y")
    )
    path = created.headers["location"]
    part = {"content_type": "application/partial-upload"}
    cut = port.ask("PATCH", path, CONTENT[:1000], upload_complete="?0", upload_offset="0", **part)
    assert (cut.status, cut.headers["upload-offset"]) == (204, "1000")
    wrong = port.ask("PATCH", path, b"x", upload_complete="?0", upload_offset="7", **part)
    assert (wrong.status, wrong.headers["upload-offset"]) == (409, "1000")
    last = port.ask(
        "PATCH", path, CONTENT[1000:], upload_complete="?1", upload_offset="1000", **part
    )
    assert (last.status, last.headers["madang-video"]) == (200, VIDEO)
    assert port.data(path) == CONTENT


def test_a_creation_whose_answer_was_lost_makes_no_second_video(port: UploadPort) -> None:
    fields = {"upload_complete": "?1", "upload_metadata": metadata(filename="a.mp4")}
    first, second = (port.ask("POST", body=CONTENT, **fields) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert len(port.ledger.finished) == 1
    other = port.ask("POST", body=CONTENT[1:], **fields)
    assert other.headers["location"] != first.headers["location"]
    somebody = port.ask("POST", body=CONTENT, who="other", **fields)
    assert somebody.headers["location"] not in {
        first.headers["location"],
        other.headers["location"],
    }
    assert len(port.ledger.finished) == 3


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_content_with_a_wrong_checksum_is_not_kept(port: UploadPort, algorithm: str) -> None:
    path = port.create(len(CONTENT))
    right, wrong = (
        base64.b64encode(hashlib.new(algorithm, each).digest()).decode()
        for each in (CONTENT, b"other")
    )
    refused = port.patch(path, 0, CONTENT, upload_checksum=f"{algorithm} {wrong}")
    assert refused.status == 460, refused.text
    assert port.offset(path) == 0
    assert port.file(path).stat().st_size == 0
    assert port.patch(path, 0, CONTENT, upload_checksum="md6 aaaa").status == 400
    assert port.patch(path, 0, CONTENT, upload_checksum=f"{algorithm} {right}").status == 204
    assert port.data(path) == CONTENT


def test_what_came_before_a_connection_broke_is_kept(port: UploadPort) -> None:
    path = port.create(len(CONTENT))
    with port.port.connect() as connection:
        connection.sendall(port.head_of_patch(path, 0, len(CONTENT)) + CONTENT[:70_000])
    until(lambda: port.offset(path) == 70_000)
    assert port.patch(path, 70_000, CONTENT[70_000:]).status == 204
    assert port.data(path) == CONTENT


@pytest.mark.parametrize(
    ("size", "leaves"), [(70_000, True), (2 << 20, False)], ids=["leaves", "hangs"]
)
def test_a_write_under_way_when_somebody_asks_is_waited_for(
    tmp_path: Path, size: int, leaves: bool
) -> None:
    disk = GatedDisk()
    with uploading(tmp_path, disk=disk) as port:
        path = port.create(3 << 20)
        content = os.urandom(size)
        found: list[int] = []
        with port.port.connect() as connection:
            connection.sendall(port.head_of_patch(path, 0, 3 << 20) + content)
            if leaves:
                connection.close()
            assert disk.waits.wait(10.0)
            asking = threading.Thread(target=lambda: found.append(port.offset(path)))
            asking.start()
            asking.join(0.2)
            assert asking.is_alive()
            disk.gate.set()
            asking.join(10.0)
        stored = found[0]
        assert stored == size if leaves else stored >= 1 << 20
        assert port.data(path) == content[:stored]


def test_a_newcomer_ends_a_connection_that_hangs_and_nothing_of_it_is_appended_later(
    port: UploadPort,
) -> None:
    path = port.create(len(CONTENT))
    with port.port.connect() as hanging:
        hanging.sendall(port.head_of_patch(path, 0, len(CONTENT)) + CONTENT[:50_000])
        until(lambda: port.receives(path))
        since = time.monotonic()
        reached = port.offset(path)
        assert time.monotonic() - since < 1.0  # 0.1 s on an idle machine
        assert reached <= 50_000
        assert port.patch(path, reached, CONTENT[reached:]).status == 204
        try:
            hanging.sendall(b"late" * 1000)
            answer = read_all(hanging)
        except OSError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 409 ")
    assert port.data(path) == CONTENT


def test_two_that_append_at_the_same_place_do_not_mix(port: UploadPort) -> None:
    path = port.create(len(CONTENT))
    other = bytes(reversed(CONTENT))
    answers: list[int] = []

    def send(content: bytes) -> None:
        answers.extend(port.patch(path, 0, content).status for _ in range(5))

    threads = [threading.Thread(target=send, args=(each,)) for each in (CONTENT, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {204, 409, 413}
    stored = port.data(path)
    assert len(stored) == port.offset(path) > 0
    assert stored in {CONTENT[: len(stored)], other[: len(stored)]}


def test_deleted_is_gone_and_its_room_is_back(port: UploadPort) -> None:
    path = port.create(len(CONTENT))
    port.patch(path, 0, CONTENT[:10])
    assert port.ask("DELETE", path).status == 204
    assert not port.file(path).exists()
    for method in ("HEAD", "DELETE"):
        assert port.ask(method, path).status == 410
    assert port.patch(path, 10, b"x").status == 410
    until(lambda: port.ledger.ended == {path[7:]: "terminated"})


def test_uploads_of_others_do_not_exist(port: UploadPort) -> None:
    path = port.create(10)
    assert port.ask("HEAD", path, who="other").status == 404
    assert port.ask("DELETE", path, who="other").status == 404
    assert port.ask("HEAD", path, who="admin").status == 200
    assert port.ask("HEAD", path, who="").status == 401
    nobody = port.ask("POST", who="", upload_length="1")
    assert (nobody.status, nobody.headers["content-type"]) == (401, "application/problem+json")


def test_a_session_counts_for_pages_of_the_station_alone(port: UploadPort) -> None:
    own = f"http://{port.port.host}:{port.port.number}"
    cookie = {"cookie": "sessionid=owner", "upload_length": "1"}
    assert port.ask("POST", who="", origin=own, **cookie).status == 201
    assert port.ask("POST", who="", **cookie).status == 201
    assert port.ask("POST", who="", origin="https://elsewhere.example", **cookie).status == 401
    preflight = port.ask("OPTIONS", who="", origin="https://elsewhere.example")
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in preflight.headers
    exposed = port.ask("POST", origin="https://elsewhere.example", upload_length="1").headers
    assert "Madang-Video" in exposed["access-control-expose-headers"]


def test_a_refusal_of_the_ledger_comes_before_the_first_byte(tmp_path: Path) -> None:
    ledger = MemoryLedger(refusal=UploadError(Problem.QUOTA, "Your videos may take 1 GB."))
    with uploading(tmp_path, ledger) as port:
        answer = port.ask("POST", upload_length="5")
        assert answer.status == 413
        assert "Your videos may take 1 GB." in answer.text
        assert not list((tmp_path / "uploads").glob("*"))
        ledger.refusal = None
        path = port.create()
        ledger.refusal = UploadError(Problem.QUOTA, "Your videos may take 1 GB.")
        assert port.patch(path, 0, b"abc", upload_length="3").status == 413
        assert port.offset(path) == 0


def test_a_database_that_is_away_refuses_new_ones_and_keeps_complete_ones(tmp_path: Path) -> None:
    with uploading(tmp_path) as port:
        path = port.create(3)
        port.ledger.away = True
        assert port.ask("POST", upload_length="5").status == 503
        answer = port.patch(path, 0, b"abc")
        assert answer.status == 204
        assert port.ledger.finished == []
        restarted = MemoryLedger()
    with uploading(tmp_path, restarted) as port:
        until(lambda: restarted.finished == [(path[7:], 3)])
        assert port.ask("HEAD", path).headers["madang-video"] == VIDEO


def test_what_nobody_wants_any_more_is_deleted(tmp_path: Path) -> None:
    unwanted = MemoryLedger(unwanted=UploadError(Problem.INVALID, "The channel is deleted."))
    with uploading(tmp_path, unwanted) as port:
        path = port.create(3)
        port.patch(path, 0, b"abc")
        gone = port.ask("HEAD", path)
        assert gone.status == 410
        until(lambda: not port.file(path).exists())
