"""The role `web`: pages and API as WSGI, in several processes that share one listening socket.

A supervisor forks workers once everything is imported, so that they share its memory, and replaces
those that end or hang. Each is one of Granian's WSGI workers; the class is not documented, which is
why Granian's version is pinned (see the decision on the HTTP port).
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
from madang.servers.http.listen_socket import (
    BACKLOG,
    file_id,
    listening_socket,
    prepare,
    stop_accepting,
)
from madang.servers.http.static import StaticFiles
from madang.servers.http.wsgi_middleware import WsgiMiddleware
from madang.station import readiness
from madang.station.config.fields import Address
from madang.station.config.settings import Settings
from madang.station.django import static_files
from madang.station.django.page_cache import page_cache
from madang.station.roles import run_files, systemd, warmup
from madang.station.roles.errors import CannotStart, address_unusable
from madang.station.roles.lifecycle import ready_line
from madang.station.roles.run_files import Runtime
from madang.station.roles.systemd import ServiceManager
from madang.station.stores import redis

NO_TLS: Final[tuple[Any, ...]] = (False, None, None, None, "tls1.3", None, [], False)
"""TLS ends at the proxy in front."""

THREADS: Final = 8
"""Pages wait for the database more than they compute; more threads only take turns."""

CONNECTIONS: Final = THREADS + 1
"""To PostgreSQL, for each worker: one for each thread, and one for the readiness check."""

MAX_CONNECTIONS: Final = 1024
"""Connections of clients to one process; the proxy in front keeps a few dozen."""

IDLE_SECONDS: Final = 0.5
"""Between the last accepted connection and the end of idle ones: by then new clients have sent
their request, and clients of kept connections are told to open another."""

DRAIN_SECONDS: Final = 7.0
"""Time for running requests to end; the contract allows ten seconds for everything."""

HEARTBEAT_SECONDS: Final = 1.0
"""Between two heartbeats of a worker."""

HEARTBEAT_TIMEOUT: Final = 20.0
"""Seconds without a heartbeat after which a worker counts as stuck."""

START_TIMEOUT: Final = 20.0
"""Seconds for the workers' first heartbeats."""

RESPAWN_SECONDS: Final = 1.0
"""Between the start of a worker that ended and that of its replacement: one that always ends at
once must not take the processor from the others."""

_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _WorkerProcess:
    """`heartbeats` is the read end of a pipe; instants are of the monotonic clock."""

    pid: int
    started_at: float
    heartbeat_at: float
    heartbeats: int


def serve(settings: Settings, manager: ServiceManager) -> None:
    """Supervise the workers until a signal ends the process. Raises CannotStart."""
    bound = _listen(settings, manager)
    warmup.pages()
    here = Address(settings.http.bind.host, bound.getsockname()[1])
    # A connection to the database cannot be shared with forked processes.
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
    application = WSGIHandler()
    gc.collect()
    gc.freeze()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    supervisor = _Supervisor(settings, manager, bound, application)
    try:
        supervisor.start_workers()
        run_files.write(settings, Runtime(os.getpid(), here), "web")
        print(ready_line("web", here), flush=True)
        manager.notify("READY=1")
        supervisor.supervise()
    finally:
        manager.notify("STOPPING=1")
        run_files.remove(settings, "web")
        supervisor.stop_workers()


def _listen(settings: Settings, manager: ServiceManager) -> socket.socket:
    handed = manager.sockets.get(systemd.HTTP)
    if handed is not None:
        prepare(handed)
        return handed
    bind = settings.http.bind
    try:
        return listening_socket(bind.host, bind.port)
    except OSError as error:
        raise address_unusable("http.bind", bind, error) from None


class _Supervisor:
    """Forks, so it has no threads."""

    def __init__(
        self,
        settings: Settings,
        manager: ServiceManager,
        bound: socket.socket,
        application: WSGIHandler,
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._bound = bound
        self._application = application
        self._workers: list[_WorkerProcess] = []
        self._notified_at = 0.0

    def start_workers(self) -> None:
        """Spawn all workers, and wait until they take traffic. Raises CannotStart."""
        for _ in range(self._settings.http.processes):
            self._spawn()
        deadline = time.monotonic() + START_TIMEOUT
        while any(each.heartbeat_at == each.started_at for each in self._workers):
            told = signal.sigtimedwait(_SIGNALS, 0.05)
            if told is not None and told.si_signo != signal.SIGCHLD:
                return
            self._read_heartbeats()
            if self._reap() or time.monotonic() > deadline:
                raise CannotStart(
                    "A process for pages ended while it started.", mend="See its log."
                )

    def supervise(self) -> None:
        """Replace workers that end, and kill those that hang, until SIGTERM or SIGINT."""
        while True:
            told = signal.sigtimedwait(_SIGNALS, HEARTBEAT_SECONDS)
            if told is not None and told.si_signo != signal.SIGCHLD:
                return
            self._read_heartbeats()
            for worker in self._workers:
                if time.monotonic() - worker.heartbeat_at > HEARTBEAT_TIMEOUT:
                    log.error("process %d for pages hangs and is killed", worker.pid)
                    os.kill(worker.pid, signal.SIGKILL)
                    worker.heartbeat_at = time.monotonic()
            for worker in self._reap():
                log.error("process %d for pages died; another takes its place", worker.pid)
                time.sleep(max(0.0, worker.started_at + RESPAWN_SECONDS - time.monotonic()))
                self._spawn()
            self._notify_watchdog()

    def stop_workers(self) -> None:
        """Let the workers finish running requests, for DRAIN_SECONDS at most."""
        for worker in self._workers:
            os.kill(worker.pid, signal.SIGTERM)
        deadline = time.monotonic() + IDLE_SECONDS + DRAIN_SECONDS
        while self._workers and time.monotonic() < deadline:
            signal.sigtimedwait(_SIGNALS, 0.1)
            self._reap()
        for worker in self._workers:
            log.warning("process %d for pages does not end and is killed", worker.pid)
            os.kill(worker.pid, signal.SIGKILL)
            os.waitpid(worker.pid, 0)

    def _spawn(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(reading)
                for other in self._workers:
                    os.close(other.heartbeats)
                _run_worker(self._settings, self._bound, self._application, writing)
                code = 0
            except BaseException:
                log.exception("a process for pages failed")
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(writing)
        now = time.monotonic()
        self._workers.append(_WorkerProcess(pid, now, now, reading))

    def _read_heartbeats(self) -> None:
        for worker in self._workers:
            with contextlib.suppress(BlockingIOError):
                if os.read(worker.heartbeats, 4096):
                    worker.heartbeat_at = time.monotonic()

    def _reap(self) -> list[_WorkerProcess]:
        """Remove the workers that have ended, and return them."""
        ended = [each for each in self._workers if os.waitpid(each.pid, os.WNOHANG)[0]]
        for worker in ended:
            os.close(worker.heartbeats)
            self._workers.remove(worker)
        return ended

    def _notify_watchdog(self) -> None:
        interval, now = self._manager.watchdog_interval, time.monotonic()
        if interval is not None and now - self._notified_at >= interval - HEARTBEAT_SECONDS:
            self._notified_at = now
            self._manager.notify("WATCHDOG=1")


def _run_worker(
    settings: Settings, bound: socket.socket, application: WSGIHandler, heartbeats: int
) -> None:
    """Serve requests until SIGTERM, then finish those that have begun."""
    stopping, stopped = _granian.WorkerSignal(), threading.Event()
    leaving = threading.Event()
    os.set_blocking(heartbeats, False)
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all: the supervisor decides
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
    middleware = WsgiMiddleware(
        application,
        StaticFiles(static_files.find),
        readiness.checks(settings),
        trusted_proxies=settings.http.trusted_proxies,
        metrics_token=token.get_secret_value() if token else None,
        cache=page_cache(),
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
    scheduler = schedule(asyncio.new_event_loop(), _callback_wrapper(middleware, {}, None))
    worker.serve_mtr(scheduler, None, stopping)
    own = file_id(bound.fileno())
    while not leaving.wait(HEARTBEAT_SECONDS):
        try:
            os.write(heartbeats, b".")
        except BlockingIOError:
            continue  # the supervisor has not read for a while
        except BrokenPipeError:
            log.error("the parent of the processes for pages is gone")
            break
    middleware.draining = True
    stop_accepting(own)
    time.sleep(IDLE_SECONDS)
    stopping.set()
    stopped.wait(DRAIN_SECONDS)
    chats.close()
    directory.close()
