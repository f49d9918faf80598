"""Listening sockets: made here, or shared with a process that takes over."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

BACKLOG: Final = 2048
"""Connections that may wait to be accepted: a show's audience arrives within a few seconds."""

UNREAD_TIMEOUT: Final = 60.0
"""Seconds for which a client may take nothing of what is being sent to it, then the kernel ends
the connection: the server would keep it, and the answer, for ever."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a bound, non-blocking TCP socket; port 0 takes a free one.

    Raises OSError where the address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        prepare(bound)
    except OSError:
        bound.close()
        raise
    return bound


def prepare(bound: socket.socket) -> None:
    """Set what the station relies on, also on a socket that was handed in."""
    if bound.family != socket.AF_UNIX:  # accepted sockets inherit both
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            timeout = round(UNREAD_TIMEOUT * 1000)
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout)
    bound.setblocking(False)


Identity = tuple[int, int]
"""Device and inode of a file: what two numbers of the same socket have in common."""


def identity(number: int) -> Identity:
    """Return the identity of the file with this number. Raises OSError."""
    stat = os.fstat(number)
    return stat.st_dev, stat.st_ino


def withdraw(bound: Identity) -> None:
    """Stop accepting, in this process, at the listening socket with this identity.

    A server library that is told to stop closes the connections that it has accepted and not yet
    heard of: their requests would fail. So the numbers of the socket's files in this process are
    given to another one, at which nobody knocks. Other processes go on accepting, and whoever
    comes meanwhile waits in the socket's queue.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        silent.setblocking(False)
        for name in os.listdir("/proc/self/fd"):
            number = int(name)
            with contextlib.suppress(OSError):  # a file that was closed meanwhile
                if identity(number) == bound:
                    os.dup2(silent.fileno(), number, inheritable=False)
