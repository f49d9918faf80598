"""The RTMP and RTMPS server for encoders: sockets around `madang.wire.rtmp`."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

from madang.apps.channels.services import PublishGrant
from madang.base.addresses import neighbourhood, unmapped
from madang.base.errors import LimitExceeded, MadangError, ParseError
from madang.chat.rate_limits import Buckets, Rate
from madang.wire.flv import TagType
from madang.wire.rtmp import (
    DEFAULT_LIMITS,
    Closed,
    Connected,
    Event,
    MediaReceived,
    NoHandshake,
    PublishRequested,
    PublishStopped,
    RtmpLimits,
    ServerSession,
)
from madang.wire.rtmp.handshake import RANDOM

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Limits of the server, beside those of the protocol (`madang.wire.rtmp.RtmpLimits`).

    `connections` at once, publishing or not: each may hold a few buffers of the protocol's limits.
    `pending_per_address` are connections of one address (IPv4 address or IPv6 /64) that do not
    publish yet: an encoder needs one for a second, many of them come at once after a restart. Above
    either limit the oldest connection that does not publish is closed, so that idle ones keep
    nobody out. `lines` bounds the log lines about one address. `unread` is in bytes of answers that
    may wait for a peer to read them: a publisher is sent a few hundred in a minute, and pings whose
    answers nobody reads would fill the memory. `close_patience` is the seconds in which a peer may
    read the last words before its socket is aborted.
    """

    connections: int = 1_000
    pending_per_address: int = 100
    lines: Rate = field(default=Rate(60, 600.0))
    unread: int = 256 << 10
    close_patience: float = 2.0


DEFAULT_SERVER_LIMITS: Final = ServerLimits()


@dataclass(slots=True)
class RtmpCounters:
    """Totals since the start of the process: `closed` is by why a connection ended, `refused` by
    the name of the reason, `passed_over` are malformed messages that did not matter."""

    connections: int = 0
    passed_over: int = 0
    closed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class Publication(Protocol):
    """A broadcast that takes what one publisher sends."""

    def media(self, tag_type: TagType, timestamp: int, body: bytes) -> None:
        """Take an audio or video message; `timestamp` in milliseconds modulo 2**32."""

    def gone(self, reason: str) -> None:
        """Note that the publisher left; `reason` is a name for metrics."""


class Publisher(Protocol):
    """A connection that publishes, as a broadcast sees it."""

    address: str
    encoder: str

    def end(self, words: str) -> None:
        """Say why the show does not take this publisher any longer, and close."""


class PublishHandler(Protocol):
    """Decides on publishers and takes their streams."""

    def authorise(self, texts: Sequence[str], publisher: Publisher) -> Awaitable[PublishGrant]:
        """Return leave to publish, or raise MadangError with words for the encoder.

        The stream key is in one of `texts`."""

    def publish(self, grant: PublishGrant, publisher: Publisher) -> Publication:
        """Put a publisher on the air, in place of an earlier one. Raises MadangError."""


class RtmpConnection(asyncio.Protocol):
    """One encoder's connection. The session decides on the protocol, the handler on publishers."""

    def __init__(self, server: RtmpServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._publication: Publication | None = None
        self._authorisation: asyncio.Task[None] | None = None
        self._counted = False
        self._closed = False
        self.address = self.place = ""
        self.encoder = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = unmapped(peer[0]) if peer else ""
        self.place = neighbourhood(self.address)
        self._session = ServerSession(
            handshake_random=os.urandom(RANDOM), now=self._loop.time(), limits=self._server.limits
        )
        self._arm()
        self._server.enter(self)

    def data_received(self, data: bytes) -> None:
        """Feed the session and react."""
        self._step(lambda now: self._session.receive(data, now))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take leave of the publisher."""
        if self._timer is not None:
            self._timer.cancel()
        if self._authorisation is not None:
            self._authorisation.cancel()
        reason = "connection_lost" if exc else "closed_by_peer"
        self._count(reason)
        self._end_publication(reason)
        if passed_over := self._session.passed_over:
            self._server.counters.passed_over += passed_over
            self._log(logging.INFO, f"{passed_over} malformed messages were passed over")
        self._server.leave(self)

    def end(self, words: str) -> None:
        """Say why this publisher is not wanted any longer, and close."""
        self._publication = None
        self._session.end(words)
        self._close("ended_by_station")

    @property
    def closed(self) -> bool:
        """True once this side has said its last word."""
        return self._closed

    @property
    def pending(self) -> bool:
        """True while the connection does not publish."""
        return self._publication is None and not self._closed

    def give_way(self, limit: str) -> None:
        """Close this connection for newer ones; `limit` is the name of the limit."""
        self._session.end("Too many connections wait to publish.")
        self._close(limit)

    def _step(self, act: Callable[[float], list[Event]]) -> None:
        if self._closed:
            return
        try:
            events = act(self._loop.time())
        except NoHandshake as error:
            self._log(logging.WARNING, f"no RTMP handshake: {error}")
            self._break_off("no_handshake", str(error))
            return
        except ParseError as error:
            header = self._session.last_header
            self._log(logging.WARNING, f"{error} ({header})" if header else str(error))
            reason = error.limit if isinstance(error, LimitExceeded) else "protocol_error"
            self._break_off(reason, str(error))
            return
        for event in events:
            self._react(event)
        self._flush()
        if self._session.closing:
            self._close("session_ended")
        elif self._transport.get_write_buffer_size() > self._server.server_limits.unread:
            words = "The peer does not read its answers."
            self._log(logging.WARNING, words)
            self._break_off("unread", words)
        else:
            self._arm()

    def _react(self, event: Event) -> None:
        match event:
            case MediaReceived(tag_type, timestamp, body):
                if self._publication is not None:
                    self._publication.media(tag_type, timestamp, body)
            case PublishRequested(texts):
                self._transport.pause_reading()
                self._authorisation = self._loop.create_task(self._authorise(texts))
            case PublishStopped():
                self._end_publication("unpublished")
            case Closed(ending, words):
                self._log(logging.INFO, words)
                self._end_publication(ending.value)
                self._close(ending.value)
            case Connected():
                self.encoder = event.encoder

    async def _authorise(self, texts: Sequence[str]) -> None:
        try:
            grant = await self._server.handler.authorise(texts, self)
            if not self._session.awaiting_decision:
                return  # the station ended this connection meanwhile
            self._publication = self._server.handler.publish(grant, self)
        except MadangError as error:
            self._log(logging.INFO, f"not let in: {error}")
            self._refuse(str(error))
        except Exception:
            log.exception("rtmp %s: deciding on a publisher failed", self.address)
            self._refuse("The station cannot check the stream key now. Try again.")
        else:
            self._session.accept_publish()
            self._transport.resume_reading()
            self._step(lambda _: [])

    def _refuse(self, words: str) -> None:
        if self._session.awaiting_decision:
            self._server.counters.refused["publish"] += 1
            self._session.refuse_publish(words)
            self._close("refused")

    def _break_off(self, reason: str, words: str) -> None:
        self._session.end(words)
        self._end_publication(reason)
        self._close(reason)

    def _end_publication(self, reason: str) -> None:
        if self._publication is not None:
            publication, self._publication = self._publication, None
            publication.gone(reason)

    def _count(self, reason: str) -> None:
        if not self._counted:
            self._counted = True
            self._server.counters.closed[reason] += 1

    def _log(self, level: int, words: str) -> None:
        """Log a line about this connection, unless there were too many about its address.

        Fail2ban reads the lines "no RTMP handshake": they stand for what no honest client sends.
        """
        if self._server.may_log(self, self._loop.time()):
            log.log(level, "rtmp %s: %s", self.address, words)

    def _flush(self) -> None:
        output = self._session.take_output()
        if output:
            self._transport.write(output)

    def _close(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        self._count(reason)
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        if self._transport.can_write_eof():
            # A socket closed over unread bytes is reset, and the peer would lose our last words.
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()
        # A half-open peer never reads them: do not keep its socket for that.
        self._loop.call_later(self._server.server_limits.close_patience, self._transport.abort)

    def _arm(self) -> None:
        """Keep one timer, and move it only where the deadline comes nearer.

        Every message moves the deadline of silence away; re-arming for each would cost more than
        waking up once to see that nothing is due.
        """
        deadline = self._session.deadline()
        if deadline is None:
            return
        if self._timer is not None and not self._timer.cancelled():
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._step(self._session.tick)


class RtmpServer:
    """The listening sockets, and the connections through them."""

    def __init__(
        self,
        handler: PublishHandler,
        counters: RtmpCounters,
        limits: RtmpLimits = DEFAULT_LIMITS,
        server_limits: ServerLimits = DEFAULT_SERVER_LIMITS,
    ) -> None:
        self.handler = handler
        self.counters = counters
        self.limits = limits
        self.server_limits = server_limits
        self._connections: dict[RtmpConnection, None] = {}  # oldest first
        self._lines = Buckets(server_limits.lines)
        self._servers: list[asyncio.Server] = []

    async def listen(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        handed: socket.socket | None = None,
    ) -> int:
        """Accept encoders, at the socket that was `handed` in if there is one; return the port
        (which matters where it was 0). Raises OSError."""
        loop = asyncio.get_running_loop()
        if handed is None and host == "::":  # asyncio would take no IPv4 there
            handed = socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True)
        place: dict[str, Any] = {"sock": handed} if handed else {"host": host, "port": port}
        server = await loop.create_server(lambda: RtmpConnection(self), ssl=tls, **place)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def enter(self, connection: RtmpConnection) -> None:
        """Register a connection; the oldest that does not publish gives way where a limit is
        passed."""
        self._connections[connection] = None
        self.counters.connections += 1
        open_ones = [other for other in self._connections if not other.closed]
        pending = [other for other in open_ones if other.pending]
        alike = [other for other in pending if other.place == connection.place]
        if len(alike) > self.server_limits.pending_per_address:
            alike[0].give_way("pending_per_address")
        elif len(open_ones) > self.server_limits.connections:
            pending[0].give_way("connections")

    def may_log(self, connection: RtmpConnection, now: float) -> bool:
        """Return True unless there were too many log lines about the connection's address."""
        return self._lines.take(connection.place, now) is None

    def leave(self, connection: RtmpConnection) -> None:
        """Forget a connection whose socket is gone."""
        self._connections.pop(connection, None)

    async def close(self, words: str) -> None:
        """Stop accepting and tell every encoder why its connection ends."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.end(words)
        await asyncio.sleep(0)
