"""tus-js-client in Node against the server: parts at once, resumption, kills, lost answers."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import upload_process
from tests.support.chat_clients import node
from tests.support.data_plane import until
from tests.support.relay import Relay, relaying
from tests.support.sizes import sized
from tests.support.station import ROOT
from tests.support.upload_server import VIDEO, UploadPort, uploading

pytestmark = pytest.mark.usefixtures("station")

CONTENT = os.urandom(3_000_000)
PROGRAM = ROOT / "tests" / "support" / "upload_client.mjs"
PATIENCE = 60.0

PARALLEL = {"parallelUploads": 4, "uploadDataDuringCreation": True}


class TusJsClient:
    """A client that sends `content` to a port, and remembers what it began in `folder`."""

    def __init__(self, folder: Path, number: int, content: bytes = CONTENT) -> None:
        self.file = folder / "film.mp4"
        self.file.write_bytes(content)
        self._urls = folder / "urls.json"
        self._number = number

    def start(self, *, abort_at: int | None = None, **options: Any) -> subprocess.Popen[str]:
        """Begin to send."""
        process = subprocess.Popen(
            [node(), "--input-type=module", "--eval", PROGRAM.read_text()],
            cwd=ROOT / "frontend",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = {
            "endpoint": f"http://127.0.0.1:{self._number}/files/",
            "path": str(self.file),
            "urls": str(self._urls),
            "options": {"metadata": {"channel": "yard", "filename": "film.mp4"}} | options,
            "abortAt": abort_at,
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps(told))
        process.stdin.close()
        process.stdin = None
        return process

    def send(self, **options: Any) -> dict[str, Any]:
        """Send to the end, and return what the client says."""
        return ended(self.start(**options))


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    with process:
        try:
            printed, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    said: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return said


@pytest.fixture
def port(tmp_path: Path) -> Iterator[UploadPort]:
    with uploading(tmp_path / "storage") as made:
        yield made


def address(said: dict[str, Any]) -> str:
    """Return the path of an upload."""
    assert said.get("done"), said
    return "/files/" + said["url"].rpartition("/")[2]


@pytest.mark.parametrize("options", [{}, {"uploadDataDuringCreation": True}, PARALLEL])
def test_a_file_is_stored_byte_for_byte(
    port: UploadPort, tmp_path: Path, options: dict[str, Any]
) -> None:
    path = address(TusJsClient(tmp_path, port.port.number).send(**options))
    until(lambda: port.ledger.finished == [(path.removeprefix("/files/"), len(CONTENT))])
    assert port.data(path) == CONTENT
    assert port.ask("HEAD", path).headers["madang-video"] == VIDEO


@pytest.mark.parametrize("options", [{"chunkSize": 500_000}, PARALLEL | {"chunkSize": 100_000}])
def test_another_run_of_the_client_goes_on_where_one_was_aborted(
    port: UploadPort, tmp_path: Path, options: dict[str, Any]
) -> None:
    with relaying(port.port.number, pace=0.002) as relay:
        client = TusJsClient(tmp_path, relay.port)
        assert not client.send(abort_at=len(CONTENT) // 2, **options)["done"]
        said = client.send(**options)
    assert max(said["offsets"]) > 0
    path = address(said)
    until(lambda: len(port.ledger.finished) == 1)
    assert port.data(path) == CONTENT


def test_a_wrong_checksum_ends_the_upload_and_keeps_nothing(
    port: UploadPort, tmp_path: Path
) -> None:
    wrong = {
        "Authorization": "Bearer owner",
        "Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    }
    said = TusJsClient(tmp_path, port.port.number).send(headers=wrong, retryDelays=None)
    assert said["status"] == 460
    assert port.ledger.finished == []
    (data,) = port.storage.glob("uploads/*/data")
    assert data.stat().st_size == 0


# --- lost answers ---


def names_the_video(request: bytes, answer: bytes) -> bool:
    return b"madang-video:" in answer.lower() and not request.startswith(b"HEAD")


def joins(request: bytes, answer: bytes) -> bool:
    return b"upload-concat: final" in request.lower()


@pytest.mark.parametrize(
    ("options", "lose"),
    [
        ({"chunkSize": 1_000_000}, names_the_video),
        ({"uploadDataDuringCreation": True}, names_the_video),
        (PARALLEL, joins),
    ],
    ids=["last piece", "creation", "join"],
)
def test_a_last_answer_that_is_lost_makes_no_second_video(
    port: UploadPort,
    tmp_path: Path,
    options: dict[str, Any],
    lose: Callable[[bytes, bytes], bool],
) -> None:
    with relaying(port.port.number) as relay:
        relay.lose = lose
        client = TusJsClient(tmp_path, relay.port)
        said = client.send(**options)
        assert relay.lost == 1
        until(lambda: port.ledger.finished)
        if lose is joins:  # which the client does not send again by itself
            assert "error" in said
            until(lambda: len(list(port.storage.glob("uploads/*/data"))) == 1)
            said = client.send(**options)
        path = address(said)
    assert port.ledger.finished == [(path.removeprefix("/files/"), len(CONTENT))]
    assert port.data(path) == CONTENT


# --- kills ---


@contextmanager
def server(storage: Path, relay: Relay) -> Iterator[subprocess.Popen[str]]:
    """Run a server behind the relay; it is killed with SIGKILL at the end."""
    with subprocess.Popen(
        [sys.executable, upload_process.__file__, str(storage)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            relay.target = int(process.stdout.readline())
            yield process
        finally:
            relay.target = None
            process.kill()


def stored(storage: Path) -> int:
    """Return the bytes of all data that there is."""
    return sum(path.stat().st_size for path in storage.glob("uploads/*/data"))


@pytest.mark.parametrize("options", [{"chunkSize": 1_000_000}, PARALLEL | {"chunkSize": 400_000}])
def test_a_server_that_is_killed_at_random_moments_has_every_byte(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    kills = sized(2, 10)
    content = os.urandom(2_500_000 * (kills + 1))
    storage = tmp_path / "storage"
    moments = sorted(random.Random(len(options)).sample(range(len(content) * 4 // 5), kills))
    with relaying(pace=0.002) as relay:
        client = TusJsClient(tmp_path, relay.port, content)
        sending = client.start(**options)
        try:
            for moment in moments:
                with server(storage, relay):
                    until(lambda moment=moment: stored(storage) >= moment)
                assert sending.poll() is None, "the client was still sending"
            with server(storage, relay):
                said = ended(sending)
                data = storage / address(said).replace("/files/", "uploads/") / "data"
                until(lambda: data.exists() and data.read_bytes() == content)
        finally:
            sending.kill()
    shutil.rmtree(storage)
