"""The role `web`: pages and API as WSGI, in several processes that share one listening socket.

A parent that does nothing but look after them, and children that are forked from it once
everything is imported, so that they share its memory. Each child is one of Granian's WSGI workers;
the class is not documented, which is why Granian's version is pinned (see the decision on the HTTP
port).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from granian import _granian
from granian._futures import _new_cbscheduler
from granian.constants import HTTPModes
from granian.http import HTTP1Settings
from granian.wsgi import _callback_wrapper

from madang.apps.broadcasts import ports
from madang.apps.broadcasts.redis_directory import RedisDirectory
from madang.apps.chat import ports as chat
from madang.servers.http.listen_socket import BACKLOG, identity, listening_socket, prepare, withdraw
from madang.servers.http.static import StaticFiles
from madang.servers.http.wsgi_front import WsgiFront
from madang.station import boot
from madang.station.config.fields import Address
from madang.station.config.settings import Settings
from madang.station.django import static_files
from madang.station.errors import CannotStart, taken
from madang.station.roles import run_files, systemd, warmup
from madang.station.roles.lifecycle import ready_line
from madang.station.roles.run_files import Runtime
from madang.station.roles.systemd import Manager
from madang.station.stores import redis

NO_TLS: Final[tuple[Any, ...]] = (False, None, None, None, "tls1.3", None, [], False)
"""TLS is the proxy's, in front."""

THREADS: Final = 8
"""Pages wait for the database more than they compute; more threads only take turns."""

CONNECTIONS: Final = THREADS + 1
"""To PostgreSQL, for each process: one a thread, and one for whoever asks whether it is ready."""

MAX_CONNECTIONS: Final = 1024
"""Connections of clients to one process; the proxy in front keeps a few dozen."""

SETTLING: Final = 0.5
"""Seconds between the last connection and the end of idle ones: whoever has just come has said by
then what they want, and whoever comes again is asked to take another connection."""

DRAIN: Final = 7.0
"""Seconds that running requests get at the end; the contract allows ten for everything."""

BEAT: Final = 1.0
"""Seconds between two signs of life of a child."""

SILENCE: Final = 20.0
"""Seconds without one after which a child counts as stuck."""

STARTING: Final = 20.0
"""Seconds for the children's first signs of life."""

REBIRTH: Final = 1.0
"""Seconds between two births in the place of a child that died: one that always dies must not
take the processor from the others."""

_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    pid: int
    born: float
    heard: float
    beats: int
    """The end of a pipe into which the child writes its signs of life."""


def serve(settings: Settings, manager: Manager) -> None:
    """Look after the children until told to end. Raises CannotStart."""
    bound = _listen(settings, manager)
    warmup.pages()
    here = Address(settings.http.bind.host, bound.getsockname()[1])
    # What the parent asked the database is over: a connection cannot be shared.
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
    application = WSGIHandler()
    gc.collect()
    gc.freeze()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    parent = _Parent(settings, manager, bound, application)
    try:
        parent.raise_children()
        run_files.write(settings, Runtime(os.getpid(), here), "web")
        print(ready_line("web", here), flush=True)
        manager.tell("READY=1")
        parent.look_after_them()
    finally:
        manager.tell("STOPPING=1")
        run_files.remove(settings, "web")
        parent.send_them_away()


def _listen(settings: Settings, manager: Manager) -> socket.socket:
    handed = manager.sockets.get(systemd.HTTP)
    if handed is not None:
        prepare(handed)
        return handed
    bind = settings.http.bind
    try:
        return listening_socket(bind.host, bind.port)
    except OSError as error:
        raise taken("http.bind", bind, error) from None


class _Parent:
    """Has no threads, so that it may fork."""

    def __init__(
        self, settings: Settings, manager: Manager, bound: socket.socket, application: WSGIHandler
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._bound = bound
        self._application = application
        self._children: list[_Child] = []
        self._told_at = 0.0

    def raise_children(self) -> None:
        """Give birth to all, and wait until they take traffic. Raises CannotStart."""
        for _ in range(self._settings.http.processes):
            self._give_birth()
        deadline = time.monotonic() + STARTING
        while any(child.heard == child.born for child in self._children):
            told = signal.sigtimedwait(_SIGNALS, 0.05)
            if told is not None and told.si_signo != signal.SIGCHLD:
                return
            self._listen_to_them()
            if self._buried() or time.monotonic() > deadline:
                raise CannotStart(
                    "A process for pages ended while it started.", mend="See its log."
                )

    def look_after_them(self) -> None:
        """Until SIGTERM or SIGINT: who dies is born again, who hangs is killed first."""
        while True:
            told = signal.sigtimedwait(_SIGNALS, BEAT)
            if told is not None and told.si_signo != signal.SIGCHLD:
                return
            self._listen_to_them()
            for child in self._children:
                if time.monotonic() - child.heard > SILENCE:
                    log.error("process %d for pages hangs and is killed", child.pid)
                    os.kill(child.pid, signal.SIGKILL)
                    child.heard = time.monotonic()
            for child in self._buried():
                log.error("process %d for pages died; another takes its place", child.pid)
                time.sleep(max(0.0, child.born + REBIRTH - time.monotonic()))
                self._give_birth()
            self._show_life()

    def send_them_away(self) -> None:
        """Let them finish what they are at, for DRAIN seconds at most."""
        for child in self._children:
            os.kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + SETTLING + DRAIN
        while self._children and time.monotonic() < deadline:
            signal.sigtimedwait(_SIGNALS, 0.1)
            self._buried()
        for child in self._children:
            log.warning("process %d for pages does not end and is killed", child.pid)
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)

    def _give_birth(self) -> None:
        beats, mouth = os.pipe()
        os.set_blocking(beats, False)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(beats)
                for other in self._children:
                    os.close(other.beats)
                _live_as_child(self._settings, self._bound, self._application, mouth)
                code = 0
            except BaseException:
                log.exception("a process for pages failed")
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(mouth)
        now = time.monotonic()
        self._children.append(_Child(pid, now, now, beats))

    def _listen_to_them(self) -> None:
        for child in self._children:
            with contextlib.suppress(BlockingIOError):
                if os.read(child.beats, 4096):
                    child.heard = time.monotonic()

    def _buried(self) -> list[_Child]:
        """Children that have died since the last look; they are not in the list any more."""
        dead = []
        for child in list(self._children):
            if os.waitpid(child.pid, os.WNOHANG)[0]:
                os.close(child.beats)
                self._children.remove(child)
                dead.append(child)
        return dead

    def _show_life(self) -> None:
        beat = self._manager.beat
        if beat is not None and time.monotonic() - self._told_at >= beat - BEAT:
            self._told_at = time.monotonic()
            self._manager.tell("WATCHDOG=1")


def _live_as_child(
    settings: Settings, bound: socket.socket, application: WSGIHandler, mouth: int
) -> None:
    """Answer requests until SIGTERM, then finish those that were begun."""
    stopping, stopped = _granian.WorkerSignal(), threading.Event()
    leaving = threading.Event()
    os.set_blocking(mouth, False)
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all: the parent decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    stopping.add_cb(stopped.set)
    assert settings.redis.url is not None
    directory = RedisDirectory(redis.client(settings.redis.url))
    directory.start()
    ports.install(directory)
    chats = redis.chats(settings.redis.url)
    chats.start()
    chat.install(chats)
    token = settings.http.metrics_token
    front = WsgiFront(
        application,
        StaticFiles(static_files.find),
        [("database", boot.ask_database)],
        trusted_proxies=settings.http.trusted_proxies,
        metrics_token=token.get_secret_value() if token else None,
    )
    native: Any = _granian  # its type stubs describe an earlier signature
    worker = native.WSGIWorker(
        1,
        (None, native.SocketHolder(bound.fileno(), False, BACKLOG)),
        None,
        1,  # I/O threads outside the interpreter
        THREADS,
        THREADS,
        30,  # seconds after which an idle thread of the interpreter ends
        MAX_CONNECTIONS,
        HTTPModes.http1,  # HTTP/2 and TLS are nginx's, in front
        HTTP1Settings(),
        None,
        None,
        *NO_TLS,
        (None, None),
    )
    schedule: Any = _new_cbscheduler  # untyped
    scheduler = schedule(asyncio.new_event_loop(), _callback_wrapper(front, {}, None))
    worker.serve_mtr(scheduler, None, stopping)
    own = identity(bound.fileno())
    while not leaving.wait(BEAT):
        try:
            os.write(mouth, b".")
        except BlockingIOError:
            continue  # the parent has not listened for a while
        except BrokenPipeError:
            log.error("the parent of the processes for pages is gone")
            break
    front.draining = True
    withdraw(own)
    time.sleep(SETTLING)
    stopping.set()
    stopped.wait(DRAIN)
    chats.close()
    directory.close()
