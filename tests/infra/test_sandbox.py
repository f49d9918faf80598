"""Confined programs: what they can open, reach and use up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from madang.infra.sandbox import Limits, command

TRIES = {
    "read a file": "open('/etc/passwd')",
    "list a folder": "os.listdir('/')",
    "make a file": "open('{folder}/new', 'w')",
    "truncate a file": "os.truncate('{folder}/there', 0)",
    "connect": "socket.create_connection(('127.0.0.1', {port}), 2)",
}


def _run(code: str, *, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[bytes]:
    begin = (
        "import os, socket\n"
        "from madang.infra.sandbox import Limits, restrict\n"
        "restrict(Limits(memory=1 << 30, cpu=2))\n"
        "print('alive', flush=True)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", begin + code],
        stdin=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("attempt", TRIES)
def test_what_is_forbidden(attempt: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = TRIES[attempt].format(folder=tmp_path, port=server.getsockname()[1])
        ended = _run(f"{code}\nprint('done')")
    assert ended.stdout == b"alive\n", ended.stderr
    assert b"Error" in ended.stderr
    assert (tmp_path / "there").read_text() == "kept"


def test_what_is_open_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("content")
    with (tmp_path / "there").open("rb") as file:
        ended = _run("print(os.read(0, 100))", stdin=file.fileno())
    assert ended.stdout == b"alive\nb'content'\n", ended.stderr


def test_memory_is_limited() -> None:
    assert b"MemoryError" in _run("bytearray(2 << 30)").stderr


def test_processor_time_is_limited() -> None:
    assert _run("while True: pass").returncode < 0


def test_a_program_is_run_confined() -> None:
    shell = os.path.realpath("/bin/sh")
    argv = command(Limits(memory=1 << 30), [shell, "-c", "echo alive; echo > /tmp/no || exit 3"])
    ended = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert ended.stdout == b"alive\n"
    assert ended.returncode != 0
