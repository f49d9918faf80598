"""Listening sockets: created here, or inherited from the service manager."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

from madang.servers.http.limits import DEFAULT_LIMITS

BACKLOG: Final = 2048
"""Connections that wait to be accepted: the audience of a show arrives within a few seconds."""


def listening_socket(
    host: str, port: int, send_timeout: float = DEFAULT_LIMITS.send_timeout
) -> socket.socket:
    """Return a bound, non-blocking TCP socket; port 0 takes a free one.

    Raises OSError where the address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        prepare(bound, send_timeout)
    except OSError:
        bound.close()
        raise
    return bound


def prepare(bound: socket.socket, send_timeout: float = DEFAULT_LIMITS.send_timeout) -> None:
    """Set the options that the station relies on, also on an inherited socket.

    The kernel ends connections whose clients acknowledge nothing for `send_timeout` seconds
    (TCP_USER_TIMEOUT, tcp(7)).
    """
    if bound.family != socket.AF_UNIX:  # accepted sockets inherit both
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            timeout = round(send_timeout * 1000)
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout)
    bound.setblocking(False)


FileId = tuple[int, int]
"""Device and inode: the same for all descriptors of one socket."""


def file_id(descriptor: int) -> FileId:
    """Return the identity of the open file behind `descriptor`. Raises OSError."""
    stat = os.fstat(descriptor)
    return stat.st_dev, stat.st_ino


def stop_accepting(bound: FileId) -> None:
    """Stop accepting, in this process, at the listening socket with this identity.

    A server library that is told to stop closes connections that it has accepted and not read yet,
    whose requests would fail. Here the descriptors of the socket in this process are replaced by
    another socket, to which nobody connects. Other processes go on accepting; new connections wait
    in the backlog meanwhile.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        silent.setblocking(False)
        for name in os.listdir("/proc/self/fd"):
            descriptor = int(name)
            with contextlib.suppress(OSError):  # closed meanwhile
                if file_id(descriptor) == bound:
                    os.dup2(silent.fileno(), descriptor, inheritable=False)
