"""`madang video import`: real files, a station that runs or not, and a kill in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.import_process import STEP
from tests.support.media_files import media_file
from tests.support.sizes import sized
from tests.support.station import DATABASE_FILE, MADANG, ROOT, Station, until

FILMED = 1_500_000_000


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A station that does not run, with the channel `yard`."""
    made = Station(tmp_path / "data")
    made.open_channels("yard")
    return made


def run(station: Station, *arguments: str | Path) -> tuple[int, Any]:
    """Return the exit code of `madang video import` and what it printed."""
    words = ["video", "import", *map(str, arguments), "--channel", "yard", "--json"]
    done = subprocess.run(
        [*MADANG, *words, "--data", str(station.data)],
        cwd=ROOT,
        env=station.environment,
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def data_of(station: Station) -> list[bytes]:
    """Return the data of what was imported."""
    return [path.read_bytes() for path in station.data.glob("media/uploads/import-*/data")]


def offset(station: Station) -> int:
    """Return how much of the only upload the database has."""
    with contextlib.closing(sqlite3.connect(station.data / DATABASE_FILE)) as database:
        (found,) = database.execute("SELECT offset FROM uploads_upload").fetchone()
    return int(found)


def test_a_folder_becomes_videos_once_and_says_what_is_none(
    station: Station, tmp_path: Path
) -> None:
    shows = tmp_path / "shows"
    (shows / "old").mkdir(parents=True)
    shutil.copy(media_file("h264.mp4"), shows / "축제 첫날.mp4")
    shutil.copy(media_file("sound.m4a"), shows / "old" / "drums.m4a")
    (shows / "notes.mp4").write_text("Bring the drums.")
    (shows / ".hidden.mp4").write_bytes(b"")
    os.utime(shows / "축제 첫날.mp4", (FILMED, FILMED))

    code, said = run(station, shows, "--visibility", "unlisted")
    assert (code, said["imported"], said["failed"]) == (1, 1, 1)
    refused, taken = said["files"]
    assert refused["path"].endswith("notes.mp4")
    assert refused["reason"] == "The file is a text, whatever its name says."
    assert (taken["state"], taken["title"], taken["resumed_bytes"]) == ("imported", "축제 첫날", 0)
    assert data_of(station) == [(shows / "축제 첫날.mp4").read_bytes()]

    with station.running():
        code, said = run(station, shows, tmp_path / "nothing.mp4", "--recursive")
        assert code == 1
        assert [each["state"] for each in said["files"]] == [
            *("failed", "exists", "imported", "failed")
        ]
        assert said["files"][1]["video"] == taken["video"]
        assert "No such file" in said["files"][3]["reason"]

        def videos() -> list[Any]:
            found: list[Any] = station.command("video", "list")
            return found if all(each["state"] == "ready" for each in found) else []

        found = {each["title"]: each for each in until(videos, "both are ready", within=60.0)}
    assert found.keys() == {"축제 첫날", "drums"}
    assert found["축제 첫날"]["created_at"] == "2017-07-14T02:40:00.000Z"
    assert found["축제 첫날"]["visibility"] == "unlisted"


def test_an_import_that_is_killed_goes_on(station: Station, tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    padding = os.urandom(STEP * 6)
    box = (len(padding) + 8).to_bytes(4, "big") + b"free"
    whole.write_bytes(media_file("h264.mp4").read_bytes() + box + padding)
    reached = 0
    for _ in range(sized(2, 4)):
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.support.import_process"),
                *(str(station.data), "yard", str(whole)),
            ],
            cwd=ROOT,
            env=station.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert int(process.stdout.readline()) == reached
            process.stdin.write("on\n")
            process.stdin.flush()
            reached = int(process.stdout.readline())
            process.kill()
        assert offset(station) == reached
    # What was copied behind the last note is not trusted.
    (data,) = station.data.glob("media/uploads/import-*/data")
    with data.open("ab") as file:
        file.write(b"never noted")
    code, said = run(station, whole)
    assert (code, said["files"][0]["resumed_bytes"]) == (0, reached)
    assert data_of(station) == [whole.read_bytes()]
