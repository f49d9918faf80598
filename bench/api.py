"""`api`: requests a second for pages and API answers that everybody gets.

Clients without a session ask for one address again and again, on connections that stay open, and
take compressed answers. All servers run on one core, the clients (wrk) on the other. Subjects, each
with every address:

- `madang`: the station alone.
- `madang-nginx`: behind nginx with the cache that deployed servers have.
- `nginx`: the same nginx with the same answers as files, compressed beforehand: the limit.

Figures:

- `rate`: answers a second.
- `p99`: from a request to the end of its answer, of the median client.
- `bytes`: of an answer, head included.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.figures import Report, say
from bench.processes import LOAD_CORE, BenchFailed
from bench.references import nginx_pages
from bench.station import station

ADDRESSES: Final = {
    "api/live": "/api/v1/live",
    "api/channels": "/api/v1/channels",
    "api/videos": "/api/v1/videos",
    "home": "/",
    "channel": "/@bench-0",
    "library": "/library/",
}
SUBJECTS: Final = ("madang", "madang-nginx", "nginx")
_CHANNELS: Final = 20
_UNITS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", choices=ADDRESSES, nargs="+", default=list(ADDRESSES))


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    report = Report("api", {"seconds": options.seconds, "clients": options.clients})
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as made:
        folder = Path(made)
        behind = {"MADANG_HTTP__TRUSTED_PROXIES": "127.0.0.1"}
        with (
            station(folder / "alone", channels=_CHANNELS) as alone,
            station(folder / "behind", channels=_CHANNELS, settings=behind) as ours,
        ):
            root = folder / "answers"
            for name in options.only:
                _save(root / name, alone.url(ADDRESSES[name]))
            with nginx_pages(folder, root, ours.http) as nginx:
                ports = {"madang": alone.http, "madang-nginx": nginx.http, "nginx": nginx.http}
                for repeat in range(options.repeats):
                    for name in options.only:
                        for subject, port in ports.items():
                            say(f"api: {subject} {name}, {repeat + 1} of {options.repeats}")
                            path = f"/answers/{name}" if subject == "nginx" else ADDRESSES[name]
                            figures = _load(port, path, options.clients, options.seconds)
                            for figure, (value, unit) in figures.items():
                                report.add(f"{subject} {name}", figure, value, unit)
                            say(f"  {figures['rate'][0]:.0f} a second")
                alone.child.check()
                ours.child.check()
                nginx.child.check()
    report.print(
        {f"{ours} {name}": [f"nginx {name}"] for ours in SUBJECTS[:2] for name in options.only}
    )


def _save(path: Path, url: str) -> None:
    """Write what a station answers, plain and compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(url) as answer:
        body = answer.read()
    path.write_bytes(body)
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(body, 5))


def _load(port: int, path: str, clients: int, seconds: float) -> Mapping[str, tuple[float, str]]:
    """Ask as often as is answered; return the figures. Raises BenchFailed."""
    program = shutil.which("wrk")
    if program is None:
        raise BenchFailed("wrk is not installed (Debian: wrk).")
    done = subprocess.run(
        [
            *(program, "--latency", "-t1", f"-c{clients}", f"-d{seconds:g}s"),
            *("-H", "Accept-Encoding: gzip, deflate", "-H", "Accept-Language: en"),
            f"http://127.0.0.1:{port}{path}",
        ],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
    )
    refused = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
    if done.returncode or refused:
        raise BenchFailed(f"{path}: {refused[0] if refused else done.stderr.strip()}")
    count = re.search(r"(\d+) requests in .*?, ([\d.]+)([KMG]?)B read", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if count is None or rate is None or late is None:
        raise BenchFailed(f"wrk printed something else than expected: {done.stdout[-300:]}")
    scale = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[count[3]]
    return {
        "rate": (float(rate[1]), "1/s"),
        "p99": (float(late[1]) * _UNITS[late[2]], "ms"),
        "bytes": (float(count[2]) * scale / int(count[1]), "bytes"),
    }
