"""The station under measurement, with its own data folder and ports."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.channels import OWNER
from bench.processes import SERVER_CORE, BenchFailed, Child, free_port, running

_READY: Final = re.compile(r"^ready http=\S+ rtmp=\S+", re.MULTILINE)
_START: Final = 30.0
"""Seconds until it must be ready. The budget is 2; a busy machine is not the subject."""


METADATA: Final = ",".join(
    f"{name} {base64.b64encode(value).decode()}"
    for name, value in (("channel", b"bench-0"), ("filename", b"a.mp4"))
)
"""Upload-Metadata of files for the first channel."""


_ANSWER: Final = 600.0
"""Seconds that an upload may take."""


@dataclass(frozen=True, slots=True)
class Station:
    """A running station, and the stream keys of its channels by slug."""

    child: Child
    http: int
    rtmp: int
    keys: Mapping[str, str]

    def publish_url(self, slug: str) -> str:
        """Return the URL to publish to the channel."""
        return f"rtmp://127.0.0.1:{self.rtmp}/live/{self.keys[slug]}"

    def url(self, path: str) -> str:
        """Return the URL of `path`, which begins with a slash."""
        return f"http://127.0.0.1:{self.http}{path}"


@contextlib.contextmanager
def station(
    folder: Path, *, channels: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[Station]:
    """Run a station with channels `bench-0`, `bench-1`, … on the servers' core.

    `settings` are environment variables such as MADANG_LIVE__PART_TARGET. Raises BenchFailed with
    the end of its log when it does not come up.
    """
    data = folder / "data"
    data.mkdir(parents=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    environment = {**clean, **(settings or {})}
    keys = _channels(data, channels, environment)
    http, rtmp = free_port(), free_port()
    command: list[str | Path] = [
        *(Path(sys.executable).with_name("madang"), "serve", "--data", data),
        *("--http", f"127.0.0.1:{http}", "--rtmp", f"127.0.0.1:{rtmp}"),
    ]
    log = folder / "station.log"
    with running(
        "the station", command, core=SERVER_CORE, log=log, environment=environment
    ) as child:
        child.wait_for(lambda: _READY.search(child.log()) is not None, _START, "the ready line")
        try:
            yield Station(child, http, rtmp, keys)
        except BenchFailed as error:
            raise BenchFailed(f"{error} The station's log ends: {child.log()[-1500:]}") from None


def command(folder: Path, *arguments: str) -> Any:
    """Return what a command of `madang` prints about the station in `folder`. Raises
    BenchFailed."""
    program = Path(sys.executable).with_name("madang")
    done = subprocess.run(
        [program, *arguments, "--data", folder / "data", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"madang {' '.join(arguments)} failed: {done.stderr[-1000:]}")
    return json.loads(done.stdout)


def upload_token(folder: Path) -> str:
    """Return a token that may upload to the channels of the station in `folder`."""
    return str(command(folder, "token", "create", OWNER, "--scope", "upload")["token"])


def upload_file(ours: Station, token: str, file: Path) -> str:
    """Upload a file to the first channel; return the id of its video. Raises BenchFailed."""
    connection = http.client.HTTPConnection("127.0.0.1", ours.http, timeout=_ANSWER)
    fields = {
        "Tus-Resumable": "1.0.0",
        "Authorization": f"Bearer {token}",
        "Upload-Length": str(file.stat().st_size),
        "Upload-Metadata": METADATA,
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(file.stat().st_size),
    }
    with file.open("rb") as content:
        connection.request("POST", "/files/", body=content, headers=fields)
    answer = connection.getresponse()
    words = answer.read()
    connection.close()
    if answer.status != 201:
        raise BenchFailed(f"The upload was refused: {answer.status} {words[:300].decode()}")
    return answer.headers["Madang-Video"]


def _channels(data: Path, count: int, environment: Mapping[str, str]) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.channels", str(data), str(count)],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"The channels could not be made: {done.stderr[-1000:]}")
    keys: dict[str, str] = json.loads(done.stdout)
    return keys
