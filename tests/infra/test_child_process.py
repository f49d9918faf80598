"""Children that die with their parents and give way to everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from madang.infra.child_process import ChildLimits, Tail, kill_group, spawn
from tests.support.station import ROOT, until

LIMIT = 30.0


def output_of(code: str, *, limits: ChildLimits | None = None) -> dict[str, object]:
    child = spawn(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        limits=limits or ChildLimits(),
    )
    output, errors = child.communicate(timeout=LIMIT)
    assert child.returncode == 0, errors
    found: dict[str, object] = json.loads(output)
    return found


def alive(pid: int) -> bool:
    """Return true for a process that runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_child_has_the_lowest_priority_and_its_limits_and_no_file_of_ours(tmp_path: Path) -> None:
    code = """
import json, os, resource
print(json.dumps({
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "group": os.getpgrp() == os.getpid(),
    "session": os.getsid(0) == os.getpid(),
    "cpu": resource.getrlimit(resource.RLIMIT_CPU)[1],
    "oom": int(open("/proc/self/oom_score_adj").read()),
    "files": [os.readlink(f"/proc/self/fd/{fd}") for fd in (3, 4, 5, 6, 7, 8, 9)
              if os.path.exists(f"/proc/self/fd/{fd}")],
}))
"""
    with (tmp_path / "database").open("w") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        found = output_of(code, limits=ChildLimits(cpu_seconds=60))
    assert found == {
        "nice": 19,
        "group": True,
        "session": False,
        "cpu": 60,
        "oom": 800,
        "files": [],
    }


def test_i_o_waits_for_everything_else() -> None:
    child = spawn([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        command = Path(f"/proc/{child.pid}/cmdline")
        until(lambda: command.read_bytes().split(b"\0")[1:2] == [b"-c"], "exec")
        told = subprocess.run(["ionice", "-p", str(child.pid)], capture_output=True, check=True)
        assert told.stdout.strip() == b"idle"
    finally:
        kill_group(child)
        child.wait()


def test_a_program_that_is_not_there() -> None:
    child = spawn(["/nonexistent/ffmpeg"], stderr=subprocess.PIPE)
    _, errors = child.communicate(timeout=LIMIT)
    assert child.returncode == 127
    assert b"/nonexistent/ffmpeg cannot be started" in errors


def test_killing_takes_the_whole_group() -> None:
    code = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
time.sleep(600)
"""
    child = spawn([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    assert alive(grandchild)
    kill_group(child)
    assert child.wait(LIMIT) == -signal.SIGKILL
    until(lambda: not alive(grandchild), "the grandchild is gone")
    child.stdout.close()


def test_a_child_dies_with_a_parent_that_is_killed() -> None:
    code = """
import sys, time
from madang.infra.child_process import spawn
print(spawn([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until(lambda: b"time.sleep" in Path(f"/proc/{child}/cmdline").read_bytes(), "exec")
    parent.kill()
    parent.wait(LIMIT)
    until(lambda: not alive(child), "the child is gone")
    parent.stdout.close()


def test_a_child_whose_parent_is_gone_already_does_not_begin() -> None:
    from madang.infra import child_exec

    done = subprocess.run(
        [sys.executable, "-I", "-S", child_exec.__file__, "1", "{}", "/bin/echo", "began"],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")


def test_the_end_of_what_a_child_wrote_is_kept() -> None:
    code = "import sys; sys.stderr.write('x' * 1_000_000 + 'the reason')"
    child = spawn([sys.executable, "-c", code], stderr=subprocess.PIPE)
    assert child.stderr is not None
    tail = Tail(child.stderr, size=100)
    child.wait(LIMIT)
    assert tail.result(LIMIT) == b"x" * 90 + b"the reason"
    child.stderr.close()
