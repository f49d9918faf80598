"""`chat`: how many messages reach how many people, how late, and what a connection costs.

A crowd of Socket.IO clients sits on one core, the server on the other. Paced, they send 20 messages
a second; flat out, 100 of them send the next message as soon as the last one has been delivered,
which fills one of the two cores, and the delay is a queue. Ours is also asked for what it is to
reach with a short delay, 1.5 million deliveries a second: there a few listeners in a process of
their own, which the crowd's does not keep waiting, take the time.
The references are Socket.IO's own server on Node.js and python-socketio, each with the chat that
their guides show and messages of the same shape. Figures:

- `deliveries`: messages times their receivers, a second.
- `delay_p50`, `delay_p99`: from sending to receiving, over all messages of 20 clients and more.
- `server_core`: how busy the server was.
- `memory_per_connection`: what the server has grown by for each of the crowd.
- `resident`: its memory with the crowd inside.
- `load_core`, `other_core`: how busy the load's core was, and the server's with other things.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.figures import Report, say
from bench.loads.plan import Chatted, Crowd, chat
from bench.processes import (
    SERVER_CORE,
    BenchFailed,
    Child,
    accepts,
    free_port,
    running,
)
from bench.references import NODE_FOLDER, install_node_packages, node_program
from bench.station import station
from madang.ops.measure.processes import resident_bytes

RATE: Final = 20.0
WINDOW: Final = 100
AIM: Final = 1_500_000
"""Deliveries a second."""
LISTENERS: Final = 5
_BEFORE: Final = 3.0
"""Seconds of load before and after the listeners' measurement."""

CROWD_RATE: Final = 5.0
_START: Final = 15.0
_NO_LIMITS: Final = {
    f"MADANG_CHAT__{name}": "1000000"
    for name in (
        "MESSAGES_PER_PERSON",
        "MESSAGES_PER_ADDRESS",
        "CONNECTS_PER_ADDRESS",
        "CONNECTIONS_PER_ADDRESS",
    )
}
"""All clients have one address."""


@dataclass(frozen=True, slots=True)
class Room:
    """A server and the address of its chat."""

    child: Child
    port: int
    channel: str


@contextlib.contextmanager
def _station(folder: Path) -> Iterator[Room]:
    with station(folder, settings=_NO_LIMITS) as ours:
        yield Room(ours.child, ours.http, "bench-0")


@contextlib.contextmanager
def _socketio_node(folder: Path) -> Iterator[Room]:
    install_node_packages()
    port = free_port()
    command: list[str | Path] = [node_program("node"), NODE_FOLDER / "chat.js", str(port)]
    with running("Socket.IO", command, core=SERVER_CORE, log=folder / "node.log") as child:
        child.wait_for(lambda: accepts(port), _START, "its port")
        yield Room(child, port, "any")


@contextlib.contextmanager
def _python_socketio(folder: Path) -> Iterator[Room]:
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "bench.loads.python_socketio", str(port)]
    log = folder / "python.log"
    with running("python-socketio", command, core=SERVER_CORE, log=log) as child:
        child.wait_for(lambda: accepts(port), _START, "its port")
        yield Room(child, port, "any")


Opener = Callable[[Path], contextlib.AbstractContextManager[Room]]

SUBJECTS: Final[dict[str, Opener]] = {
    "madang": _station,
    "socket.io-node": _socketio_node,
    "python-socketio": _python_socketio,
}
CROWDED: Final = "madang, 10,000 connections"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--crowd", type=int, default=10_000, help="of the last run; 0: none")
    parser.add_argument("--seconds", type=float, default=8.0, help="measured, from 3")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    if options.seconds < 3:
        raise BenchFailed("Measure for 3 seconds or more.")
    report = Report(
        "chat", {"clients": options.clients, "seconds": options.seconds, "window": WINDOW}
    )
    for repeat in range(options.repeats):
        for subject in options.only:
            ways = {"paced": RATE, "flat out": 0.0}
            if subject == "madang":
                ways["at the aim"] = AIM / options.clients
            for way, rate in ways.items():
                say(f"chat: {subject} {way}, {repeat + 1} of {options.repeats}")
                _run(
                    report,
                    f"{subject}, {way}",
                    SUBJECTS[subject],
                    clients=options.clients,
                    rate=rate,
                    seconds=options.seconds,
                    listeners=LISTENERS if way == "at the aim" else 0,
                )
        if options.crowd and "madang" in options.only:
            say(f"chat: {options.crowd} connections")
            _run(
                report,
                CROWDED,
                _station,
                clients=options.crowd,
                rate=CROWD_RATE,
                seconds=options.seconds,
            )
    report.print(
        {
            f"madang, {way}": [f"{other}, {way}" for other in SUBJECTS if other != "madang"]
            for way in ("paced", "flat out")
        }
    )


def _run(
    report: Report,
    subject: str,
    opener: Opener,
    *,
    clients: int,
    rate: float,
    seconds: float,
    listeners: int = 0,
) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="madang-bench-") as folder,
        opener(Path(folder)) as room,
    ):
        empty = resident_bytes(room.child.pid)
        crowd = Crowd(
            port=room.port,
            channel=room.channel,
            clients=clients - listeners,
            rate=rate,
            window=WINDOW,
            seconds=seconds,
            pid=room.child.pid,
        )
        seen = _with_listeners(crowd, listeners) if listeners else chat(crowd)
        room.child.check()
    _add(report, subject, seen, (seen.resident - empty) / clients)


def _with_listeners(crowd: Crowd, count: int) -> Chatted:
    """Return the result of the load with the delay measured by separate listeners."""
    listeners = replace(
        crowd,
        clients=count,
        rate=0.0,
        window=0,
        settle=crowd.settle + _BEFORE,
        name="listener",
        urgent=True,
    )
    talking = replace(crowd, seconds=crowd.seconds + 2 * _BEFORE)
    with ThreadPoolExecutor() as threads:
        talk, heard = threads.submit(chat, talking), threads.submit(chat, listeners)
        listened = heard.result()
        seen = talk.result()
    return replace(
        seen,
        delay=listened.delay,
        delivered=seen.delivered + round(listened.delivered * seen.seconds / listened.seconds),
    )


def _add(report: Report, subject: str, seen: Chatted, each: float) -> None:
    if not seen.delivered:
        raise BenchFailed(f"{subject}: nobody received anything.")
    rate = seen.delivered / seen.seconds
    report.add(subject, "deliveries", rate, "messages/s")
    report.add(subject, "delay_p50", seen.delay[0], "s")
    report.add(subject, "delay_p99", seen.delay[1], "s")
    report.add(subject, "server_core", seen.server_cpu / seen.seconds, "cores")
    report.add(subject, "memory_per_connection", each / 1e3, "kB")
    report.add(subject, "resident", seen.resident / 1e6, "MB")
    report.add(subject, "load_core", seen.load_cpu / seen.seconds, "cores")
    report.add(subject, "other_core", seen.other_cpu / seen.seconds, "cores")
    say(f"  {rate:,.0f} deliveries a second, p99 {seen.delay[1] * 1e3:.0f} ms")
