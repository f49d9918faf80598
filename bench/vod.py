"""`vod`: what it costs to send recorded media.

Clients ask for ranges of one file at random places, one after another, for as long as a segment of
two seconds at 4 Mbit/s is. The file is in memory. All servers run on one core. Subjects:

- `madang`: the station sends the file itself.
- `madang-nginx`: nginx in front, as deployed: it asks the station, and remembers what it may send.
- `nginx`: the same nginx alone, with the same file; nobody is asked.

Figures:

- `cpu_per_gb`: processor seconds of all processes of the subject per 10**9 bytes.
- `rate`: bytes that one core, or the load's, gave in a second.
- `delivery_p99`: from the request for a range to its last byte.
- `load_core`, `other_core`: how busy the load's core was, and the servers' with other things.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from bench.figures import Report, say
from bench.loads.plan import Fetch, Fetched, fetch
from bench.processes import BenchFailed
from bench.recordings import ID, RENDITION, add_row, write_finished
from bench.references import nginx_videos
from bench.station import station
from madang.ops.deploy.model.layout import INTERNAL_PREFIX

SPAN: Final = 1_000_000
SUBJECTS: Final = ("madang", "madang-nginx", "nginx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=256, help="of the file")
    parser.add_argument("--span", type=int, default=SPAN, help="bytes of a range")


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    size = options.megabytes << 20
    if size < options.span:
        raise BenchFailed("A range is longer than the file.")
    conditions = {
        "seconds": options.seconds,
        "clients": options.clients,
        "file_bytes": size,
        "range_bytes": options.span,
    }
    report = Report("vod", conditions)
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as made:
        folder = Path(made)
        settings = {"MADANG_STORAGE__INTERNAL_PREFIX": INTERNAL_PREFIX}
        storage = folder / "data" / "media"
        with (
            station(folder, settings=settings) as ours,
            nginx_videos(folder, storage, ours.http) as nginx,
        ):
            path = write_finished(storage, size)
            add_row(folder / "data", "ready")
            video = f"/vod/{ID}/{RENDITION}/1.mp4"
            station_pid, nginx_pid = ours.child.pid, nginx.child.pid
            targets = {
                "madang": (ours.http, video, [station_pid]),
                "madang-nginx": (nginx.http, video, [station_pid, nginx_pid]),
                "nginx": (nginx.http, f"/{path}", [nginx_pid]),
            }
            for repeat in range(options.repeats):
                for subject, (port, file, pids) in targets.items():
                    say(f"vod: {subject}, {repeat + 1} of {options.repeats}")
                    load = Fetch(
                        *(port, pids, options.clients, options.seconds),
                        file=file,
                        size=size,
                        span=options.span,
                    )
                    _add(report, subject, fetch(load))
                    ours.child.check()
                    nginx.child.check()
    report.print({"madang": ["nginx"], "madang-nginx": ["nginx"]})


def _add(report: Report, subject: str, seen: Fetched) -> None:
    per_gb = seen.server_cpu / (seen.received / 1e9)
    report.add(subject, "cpu_per_gb", per_gb, "s/GB")
    report.add(subject, "rate", seen.received / seen.seconds / 1e6, "MB/s")
    report.add(subject, "delivery_p99", seen.delivery[1] * 1000, "ms")
    report.add(subject, "load_core", seen.load_cpu / seen.seconds, "cores")
    report.add(subject, "other_core", seen.other_cpu / seen.seconds, "cores")
    say(f"  {per_gb:.3f} s/GB, {seen.received / seen.seconds / 1e6:.0f} MB/s")
