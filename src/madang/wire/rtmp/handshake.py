"""Handshake: a version byte and two echoes (RTMP 1.0, section 5.2)."""

from __future__ import annotations

from madang.wire.rtmp.errors import NoHandshake, RtmpError

VERSION = 3
PACKET = 1536
"""Bytes of C1, S1, C2 and S2."""

RANDOM = PACKET - 8
"""Random bytes in C1 and S1, after a time and four zeros."""


def opening(random: bytes) -> bytes:
    """Return C0 and C1, or S0 and S1, with `RANDOM` random bytes and time zero (5.2.3).

    Four zeros tell clients with digests (Flash, some hardware) to continue without them.
    """
    if len(random) != RANDOM:
        raise ValueError(f"a handshake takes {RANDOM} random bytes")
    return bytes((VERSION,)) + bytes(8) + random


class Handshake:
    """One side of the handshake; both sides read the same bytes.

    The peer's echo is not compared: clients with digests answer something else, and nothing depends
    on it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._echoed = False
        self.done = False

    def receive(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the echo to send now (or nothing), and the bytes after the handshake.

        Raises RtmpError if the peer does not speak RTMP version 3.
        """
        self._buffer += data
        if self._buffer and self._buffer[0] != VERSION:
            raise _refusal(bytes(self._buffer[:8]))
        echo = b""
        if not self._echoed and len(self._buffer) > PACKET:
            echo = bytes(self._buffer[1 : 1 + PACKET])
            self._echoed = True
        if len(self._buffer) < 1 + 2 * PACKET:
            return echo, b""
        self.done = True
        return echo, bytes(self._buffer[1 + 2 * PACKET :])


def _refusal(start: bytes) -> RtmpError:
    if start[:1].isalpha():
        return RtmpError("This is the door for RTMP, and the peer speaks HTTP or another text.")
    if start[0] == 0x16:
        return RtmpError(
            "The peer speaks TLS, this port does not.", mend="Use rtmp:// or the RTMPS port."
        )
    if start[0] in (6, 8, 9):
        return RtmpError("The peer wants encrypted RTMP (RTMPE).", mend="Use rtmp:// or rtmps://.")
    return NoHandshake(f"The peer speaks version {start[0]} of RTMP, not {VERSION}.")
