"""A proxy between a client and a server: slow, cut off, and with answers that are lost."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

PIECE = 64 << 10

Lose = Callable[[bytes, bytes], bool]
"""Decides by a request, as far as it was sent, and by the beginning of its answer."""


class Relay:
    """Forwards connections to the port `target`, which may change; None: nobody answers.

    `pace` is the time in seconds that 64 KiB of a client take. The first answer that `lose` chooses
    is lost with its connection.
    """

    def __init__(self, target: int | None = None, *, pace: float = 0.0) -> None:
        self.target = target
        self.pace = pace
        self.lose: Lose | None = None
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.target is None:
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                request = bytearray()
                back = threading.Thread(
                    target=self._answer, args=(server, client, request), daemon=True
                )
                back.start()
                with contextlib.suppress(OSError):
                    while data := client.recv(PIECE):
                        request += data
                        server.sendall(data)
                        if self.pace:
                            time.sleep(self.pace)
                    server.shutdown(socket.SHUT_WR)
                back.join()

    def _answer(self, server: socket.socket, client: socket.socket, request: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(PIECE):
                if self.lose is not None and self.lose(bytes(request), data):
                    self.lose = None
                    self.lost += 1
                    break
                request.clear()
                client.sendall(data)
        for each in (client, server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relaying(target: int | None = None, *, pace: float = 0.0) -> Iterator[Relay]:
    """Run a relay for the block."""
    relay = Relay(target, pace=pace)
    try:
        yield relay
    finally:
        relay.close()
