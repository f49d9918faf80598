"""What a peer may use of this machine, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RtmpLimits:
    """Limits of one connection: times in seconds, sizes in bytes, `bit_rate` in bits per second.

    A field's name is the limit's name in errors and metrics.
    """

    handshake: float = 5.0
    """From the first byte awaited to the end of the handshake: three messages of one round trip
    and a half. Longer is a scanner, or a browser on the wrong port."""

    setup: float = 20.0
    """From the handshake to a publish command: some five round trips, more over a satellite."""

    silence: float = 15.0
    """Without a byte from the peer. Encoders send dozens of messages a second, audio included;
    shorter would end a show for a mobile network's pause."""

    setup_message: int = 64 * 1024
    """One message of a peer that has not been accepted; commands are below 4 KiB."""

    message: int = 8 * 1024 * 1024
    """One message of a publisher: a key frame of 4K at 100 Mbit/s stays below 4 MiB."""

    metadata: int = 64 * 1024
    """One onMetaData. Real ones have 1 to 2 KiB; parsed values take many times their bytes."""

    chunk_size: int = 0x7FFFFFFF
    """What a peer may announce as its chunk size: the field's top bit must be zero (RTMP 1.0,
    5.4.1). It costs nothing, as a message has its own limit."""

    chunk_streams: int = 64
    """Chunk streams at once. Encoders use three to five; each keeps its last header."""

    net_streams: int = 8
    """Streams created on one connection. Publishers create one, some create it twice."""

    pending: int = 2 * 1024 * 1024
    """Bytes kept while it is decided whether the peer may publish. Some encoders send on without
    waiting: this is 2 s of 8 Mbit/s."""

    bit_rate: float = 100_000_000.0
    """What a publisher may send, averaged over `bit_rate_window`: 4K at 60 frames a second needs
    some 50 Mbit/s."""

    bit_rate_window: float = 10.0
    """Long enough for the burst of a key frame, and for what piled up in a stalled network."""


DEFAULT_LIMITS = RtmpLimits()
