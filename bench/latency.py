"""`latency`: how old the picture is when a viewer sees it, and how soon the first one comes.

An encoder draws the time into every frame; Chromium plays the stream, and a script reads the time
back from each frame as it is presented. Low-latency HLS plays on the station's own page; HTTP-FLV
through mpegts.js and classic HLS through hls.js on a bare page of another origin. Encoder, server
and the browser's software decoder share one machine, and with it one clock and two cores, so that
the figures contain the encoder's and the decoder's time. Figures:

- `glass_to_glass_p50`, `glass_to_glass_p95`: age of the frames, over all frames presented.
- `first_picture_p50`, `first_picture_p95`: from the start of a navigation, in a browser that was
  never there, to the first presented frame; `first_motion_…` to the first with a later clock.
- `rejected`: share of frames whose clock could not be read; `waits`: how often the player ran dry.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from playwright.sync_api import Browser

from bench import probes
from bench.browser import chromium, first_picture, watch
from bench.figures import Report, percentile, say
from bench.processes import BenchFailed, Child, accepts, free_port, running
from bench.references import install_node_packages, nginx_rtmp, node_media_server
from bench.station import station

_ROOT: Final = Path(__file__).resolve().parent
_MOST_REJECTED: Final = 0.05
"""Share of unreadable frames above which the figures are unreliable."""

Opener = Callable[[Path], contextlib.AbstractContextManager[str]]
"""Publishes a stream and returns the address of the page that plays it."""


@contextlib.contextmanager
def _publishing(url: str, folder: Path) -> Iterator[Child]:
    command = [sys.executable, "-m", "bench.clock_publisher", url]
    log = folder / "publisher.log"
    with running("the clock's publisher", command, core=None, log=log) as child:
        yield child


@contextlib.contextmanager
def _bare_page(player: str, stream: str, folder: Path) -> Iterator[str]:
    """Return the address of a page that only plays `stream`."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
    command += ["--directory", str(_ROOT), str(port)]
    log = folder / "pages.log"
    with running("the server of bare pages", command, core=None, log=log) as child:
        child.wait_for(lambda: accepts(port), 10, "its port")
        yield f"http://127.0.0.1:{port}/pages/{player}.html?url={quote(stream, safe='')}"


@contextlib.contextmanager
def _station_page(folder: Path) -> Iterator[str]:
    with (
        station(folder) as ours,
        _publishing(ours.publish_url("bench-0"), folder) as publisher,
    ):
        probes.media_playlist(publisher, ours.url("/live/bench-0/index.m3u8"))
        yield ours.url("/@bench-0")


@contextlib.contextmanager
def _station_flv(folder: Path) -> Iterator[str]:
    with (
        station(folder) as ours,
        _publishing(ours.publish_url("bench-0"), folder) as publisher,
        _bare_page("flv", ours.url("/live/bench-0.flv"), folder) as page,
    ):
        probes.wait_for_stream(publisher, ours.url("/live/bench-0.flv"))
        yield page


@contextlib.contextmanager
def _node_media_server(folder: Path) -> Iterator[str]:
    with (
        node_media_server(folder) as node,
        _publishing(f"rtmp://127.0.0.1:{node.rtmp}/live/bench", folder) as publisher,
        _bare_page("flv", f"http://127.0.0.1:{node.http}/live/bench.flv", folder) as page,
    ):
        url = f"http://127.0.0.1:{node.http}/live/bench.flv"
        probes.wait_for_stream(publisher, url)
        yield page


@contextlib.contextmanager
def _nginx_rtmp(folder: Path) -> Iterator[str]:
    with (
        nginx_rtmp(folder, hls=True) as nginx,
        _publishing(f"rtmp://127.0.0.1:{nginx.rtmp}/live/bench", folder) as publisher,
        _bare_page("hls", f"http://127.0.0.1:{nginx.http}/bench.m3u8", folder) as page,
    ):
        url = f"http://127.0.0.1:{nginx.http}/bench.m3u8"
        probes.wait_for_segments(publisher, url)
        yield page


SUBJECTS: Final[dict[str, Opener]] = {
    "madang-llhls": _station_page,
    "madang-flv": _station_flv,
    "nginx-rtmp-hls": _nginx_rtmp,
    "node-media-server-flv": _node_media_server,
}

REFERENCES: Final = {
    "madang-llhls": ["nginx-rtmp-hls"],
    "madang-flv": ["node-media-server-flv"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--seconds", type=float, default=60.0, help="of frames, per repeat")
    parser.add_argument("--loads", type=int, default=10, help="visits for the first picture")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    install_node_packages()
    conditions = {
        "seconds": options.seconds,
        "loads": options.loads,
        "stream": "720p30, x264 zerolatency, a key frame every 2 s, AAC",
        "shared": "encoder, server and software decoder on this machine, one clock",
    }
    report = Report("latency", conditions)
    for repeat in range(options.repeats):
        for subject in options.only:
            say(f"latency: {subject}, {repeat + 1} of {options.repeats}")
            with (
                tempfile.TemporaryDirectory(prefix="madang-bench-") as folder,
                SUBJECTS[subject](Path(folder)) as page,
                chromium() as browser,
            ):
                _measure(browser, page, subject, options, report)
    report.print(REFERENCES)


def _measure(
    browser: Browser, page: str, subject: str, options: argparse.Namespace, report: Report
) -> None:
    loads = [first_picture(browser, page) for _ in range(options.loads)]
    for name, values in (
        ("first_picture", [load.first_picture for load in loads]),
        ("first_motion", [load.first_motion for load in loads]),
    ):
        _percentiles(report, subject, name, values)
    sight = watch(browser, page, options.seconds)
    frames = len(sight.ages) + sight.rejected
    if not sight.ages or sight.rejected > _MOST_REJECTED * frames:
        raise BenchFailed(f"{subject}: {sight.rejected} of {frames} frames could not be read.")
    _percentiles(report, subject, "glass_to_glass", sight.ages)
    report.add(subject, "frames", frames, "frames")
    report.add(subject, "rejected", sight.rejected / frames, "share")
    report.add(subject, "waits", sight.waits, "times")
    say(
        f"  {percentile(sight.ages, 0.5):.0f} ms, p95 {percentile(sight.ages, 0.95):.0f} ms "
        f"over {frames} frames, {sight.rejected} unread, {sight.waits} waits; first picture "
        f"{percentile([load.first_picture for load in loads], 0.95):.0f} ms (p95)"
    )


def _percentiles(report: Report, subject: str, name: str, values: list[float]) -> None:
    for share in (50, 95):
        report.add(subject, f"{name}_p{share}", percentile(values, share / 100), "ms")
