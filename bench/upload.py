"""`upload`: what it costs to take uploads, many at once.

Clients send tus 1.0, each one file by one request; what they announce (`--declared`) is more than
what they send, as of large files under way, and has to fit on the disk. One core serves, another
sends. Subjects: `madang`, and `tus-node`, @tus/server with its store of files; `dd` writes as many
bytes to the same disk as one process, synced at the end. Figures:

- `cpu_per_gb`: processor seconds of the server, all threads and children, per 10**9 bytes.
- `rate`: bytes a second, from the first request to the last answer.
- `resident`: the largest memory of the server meanwhile.
- `load_core`, `other_core`: how busy the load's core was, and the server's with other things.

The station has the bytes on the disk when it answers, @tus/server in the page cache.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.figures import Report, say
from bench.loads.plan import Sent, Upload, upload
from bench.processes import SERVER_CORE, BenchFailed
from bench.references import tus_node
from bench.station import METADATA, station, upload_token

SUBJECTS: Final = ("madang", "tus-node", "dd")
_MIB: Final = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--uploads", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=1024, help="sent of each, in MiB")
    parser.add_argument("--declared", type=int, default=5000, help="announced of each, in MB")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="on the disk to write to")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    size, declared = options.megabytes * _MIB, options.declared * 1_000_000
    if declared <= size:
        raise BenchFailed("More must be declared than is sent.")
    report = Report(
        "upload", {"uploads": options.uploads, "bytes_each": size, "declared_each": declared}
    )
    for repeat in range(options.repeats):
        for subject in options.only:
            say(f"upload: {subject}, {repeat + 1} of {options.repeats}")
            with tempfile.TemporaryDirectory(prefix="madang-bench-", dir=options.folder) as made:
                os.sync()  # what was written before is not this subject's work
                load = Upload(0, [], options.uploads, size, declared, METADATA)
                _measure(report, subject, Path(made), load)
    report.print({"madang": ["tus-node", "dd"]})


def _measure(report: Report, subject: str, folder: Path, load: Upload) -> None:
    """Measure one subject; `load` lacks its port, processes and token."""
    if subject == "dd":
        rate = _dd(folder, load.uploads * load.size)
        report.add(subject, "rate", rate / 1e6, "MB/s")
        say(f"  {rate / 1e6:.0f} MB/s")
    elif subject == "madang":
        with station(folder, settings={"MADANG_UPLOADS__MAX_GB": "1000"}) as ours:
            seen = upload(
                replace(load, port=ours.http, pids=[ours.child.pid], token=upload_token(folder))
            )
            ours.child.check()
        _add(report, subject, seen)
    else:
        with tus_node(folder, folder / "uploads") as reference:
            seen = upload(replace(load, port=reference.http, pids=[reference.child.pid]))
            reference.child.check()
        _add(report, subject, seen)


def _add(report: Report, subject: str, seen: Sent) -> None:
    per_gb = seen.server_cpu / (seen.sent / 1e9)
    report.add(subject, "cpu_per_gb", per_gb, "s/GB")
    report.add(subject, "rate", seen.sent / seen.seconds / 1e6, "MB/s")
    report.add(subject, "resident", seen.resident / 1e6, "MB")
    report.add(subject, "load_core", seen.load_cpu / seen.seconds, "cores")
    report.add(subject, "other_core", seen.other_cpu / seen.seconds, "cores")
    say(
        f"  {per_gb:.3f} s/GB, {seen.sent / seen.seconds / 1e6:.0f} MB/s, "
        f"{seen.resident / 1e6:.0f} MB"
    )


def _dd(folder: Path, size: int) -> float:
    """Return the bytes a second that dd writes and syncs on the servers' core."""
    began = time.monotonic()
    done = subprocess.run(
        [
            *("taskset", "-c", str(SERVER_CORE)),
            *("dd", "if=/dev/zero", f"of={folder / 'file'}", "bs=1M", f"count={size // _MIB}"),
            "conv=fdatasync",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"dd failed: {done.stderr}")
    return size / (time.monotonic() - began)
