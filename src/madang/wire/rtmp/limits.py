"""Limits of an RTMP connection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RtmpLimits:
    """Limits of one connection: times in seconds, sizes in bytes, `bit_rate` in bits per second.

    A field's name is the limit's name in errors and metrics.
    """

    handshake: float = 5.0
    """From the first byte awaited to the end of the handshake: three messages, one and a half round
    trips. Longer is a scanner, or a browser on the wrong port."""

    setup: float = 20.0
    """From the handshake to a publish command: some five round trips, more over a satellite."""

    silence: float = 15.0
    """Without a byte from the peer. Encoders send dozens of messages a second, audio included; a
    shorter limit would end a show at a pause of a mobile network."""

    setup_message: int = 64 * 1024
    """One message of a peer that has not been accepted; commands are below 4 KiB."""

    message: int = 8 * 1024 * 1024
    """One message of a publisher: a key frame of 4K at 100 Mbit/s stays below 4 MiB."""

    metadata: int = 64 * 1024
    """One onMetaData; larger ones are passed over. Real ones have 1 to 2 KiB; parsed values take
    many times their bytes."""

    chunk_size: int = 0x7FFFFFFF
    """Largest chunk size announced by a peer: the field's top bit must be zero (RTMP 1.0, 5.4.1).
    Costs nothing, as messages have their own limit."""

    chunk_streams: int = 64
    """Concurrent chunk streams. Encoders use three to five; each stores its last header."""

    net_streams: int = 8
    """Streams created on one connection. Publishers create one, some create it twice."""

    pending: int = 2 * 1024 * 1024
    """Bytes buffered while the decision on a publish command is pending. Some encoders send without
    waiting: 2 s of 8 Mbit/s."""

    bit_rate: float = 100_000_000.0
    """Bit rate of a publisher, averaged over `bit_rate_window`: 4K at 60 frames a second needs some
    50 Mbit/s."""

    bit_rate_window: float = 10.0
    """Covers the burst of a key frame."""

    catch_up: float = 30.0
    """Time of the stream that may arrive late and then faster than it plays, after a stall of the
    network: twice the longest silence."""


DEFAULT_LIMITS = RtmpLimits()
