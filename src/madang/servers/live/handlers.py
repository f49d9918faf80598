"""Handlers of `/live/…`: playlists, parts, continuous FLV, pictures and status."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import msgspec

from madang.apps.broadcasts.ports import operator_view
from madang.apps.channels.services import ChannelCard
from madang.apps.chat.ports import chats
from madang.base.addresses import Network
from madang.infra.database import DatabaseAway
from madang.infra.socket_writer import Framing
from madang.servers.http.exchange import (
    NO_STORE,
    OPEN_TO_ALL,
    Exchange,
    Headers,
    Responder,
    parse_query,
)
from madang.servers.http.websocket_control import ControlReader
from madang.servers.live.channel import LiveChannel
from madang.servers.live.entitlement import Entitlement, EntitlementCheck
from madang.servers.live.flv_client import FlvClient
from madang.servers.live.hls import PlaylistKey
from madang.servers.live.hub import LiveHub
from madang.servers.live.responses import answer_picture, refuse_to_begin
from madang.servers.live.status import offline_status, public_status
from madang.wire.websocket import CloseCode, encode_close

MAX_NUMBER: Final = 18
"""Digits of `_HLS_msn` and `_HLS_part`: more are not numbers of this station."""

LONGEST: Final = 256
"""Characters of a path; longer ones lead to nothing."""

PATHS: Final = 4096
QUERIES: Final = 512
"""Paths and query strings that are remembered: all viewers of a channel ask for the same next
part."""

_JSON: Final[Headers] = [("content-type", "application/json"), NO_STORE, OPEN_TO_ALL]
_LOCAL_JSON: Final[Headers] = [("content-type", "application/json"), NO_STORE]
"""Without CORS: scripts of other sites must not read it through a browser on this machine."""
_PREFLIGHT: Final[Headers] = [
    OPEN_TO_ALL,
    ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
    ("access-control-allow-headers", "range, x-playback-session-id"),
    ("access-control-max-age", "86400"),
]
_FLV: Final[Headers] = [("content-type", "video/x-flv"), NO_STORE, OPEN_TO_ALL]

LAST_CHUNK: Final = b"0\r\n\r\n"
"""RFC 9112, section 7.1."""

DISCARD: Final = 4096
"""Bytes read at once of what a client sends, which is thrown away."""

CLOSE_PATIENCE: Final = 1.0
"""Seconds that a WebSocket client has to answer our Close (RFC 6455, section 7.1.1)."""

log = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None]


class BadDirective(ValueError):
    """A delivery directive in the query is not what RFC 8216bis, section 6.2.5 allows."""


class LiveHandlers:
    """Answers exchanges below `/live/`; a coroutine is returned where that has to wait for I/O."""

    def __init__(
        self,
        hub: LiveHub,
        trusted_proxies: tuple[Network, ...],
        entitlement: Entitlement | None = None,
    ) -> None:
        self._hub = hub
        self._trusted = trusted_proxies
        # Without a policy nothing is checked: the hot path is as if there were none.
        self._entitlement = (
            EntitlementCheck(entitlement, trusted_proxies, hub.clock.monotonic)
            if entitlement is not None
            else None
        )

    def __call__(self, exchange: Exchange) -> Work | None:
        """Answer, or return a coroutine that does."""
        if exchange.method not in {"GET", "HEAD"}:
            if exchange.method == "OPTIONS":
                exchange.answer(204, _PREFLIGHT)
            else:
                exchange.refuse(405, "Streams can only be read.", [("allow", "GET, HEAD, OPTIONS")])
            return None
        if len(exchange.path) > LONGEST:
            exchange.refuse(404, "There is nothing at this address.")
            return None
        parts = _parts(exchange.path)
        if self._entitlement is not None and (slug := _slug(parts)):
            denial = self._entitlement.denial(slug, exchange)
            if denial is not None:
                exchange.refuse(denial.status, denial.reason)
                return None
        match parts:
            case [slug, rendition, name]:
                return self._media(exchange, slug, rendition, name)
            case [slug, "index.m3u8"]:
                return self._on_air(
                    exchange, slug, lambda channel: channel.hls.multivariant(exchange)
                )
            case [slug, "status.json"]:
                return self._status(exchange, slug)
            case [slug, "poster.jpg"]:
                return self._on_air(exchange, slug, lambda channel: _poster(exchange, channel))
            case ["status.json"]:
                self._all(exchange)
            case ["operator.json"]:
                self._operator(exchange)
            case [name] if name.endswith(".flv"):
                return self._flv(exchange, name.removesuffix(".flv"))
            case _:
                exchange.refuse(404, "There is nothing at this address.")
        return None

    def _on_air(
        self, exchange: Exchange, slug: str, answer: Callable[[LiveChannel], None]
    ) -> Work | None:
        channel = self._hub.channel(slug)
        if exchange.is_websocket:
            exchange.refuse(400, "")
        elif channel is None:
            return self._absent(exchange, slug)
        else:
            answer(channel)
        return None

    async def _absent(self, exchange: Exchange, slug: str) -> None:
        if await self._card(exchange, slug) is not None:
            exchange.refuse(404, "The channel is not on the air.", [("retry-after", "2")])

    async def _card(self, exchange: Exchange, slug: str) -> ChannelCard | None:
        """Return the card of a channel; None where there is no such, which has been answered."""
        try:
            card = await self._hub.card(slug)
        except DatabaseAway as error:
            exchange.refuse(503, str(error), [("retry-after", "5")])
            return None
        if card is None:
            exchange.refuse(404, "There is no such channel.")
        return card

    def _media(self, exchange: Exchange, slug: str, rendition: str, name: str) -> Work | None:
        """Answer with a playlist or a file: the hot path."""
        channel = self._hub.channel(slug)
        if channel is None or exchange.is_websocket:
            return self._on_air(exchange, slug, lambda _: None)
        if name == "media.m3u8":
            try:
                asked = directives(exchange.query_string)
            except BadDirective as error:
                exchange.refuse(400, str(error))
            else:
                self._replay(exchange, slug, self._playlist(exchange, channel, (rendition, *asked)))
        else:
            file = channel.hls.file(exchange, rendition, name, self._client(exchange))
            if file is not None:
                self._replay(exchange, slug, channel.hls.replayer(file, self._client))
        return None

    def _replay(self, exchange: Exchange, slug: str, answer: Callable[[Responder], bool]) -> None:
        """Let `answer` answer equal requests, under a policy only of those it let in."""
        check = self._entitlement
        if check is None:
            exchange.replay(answer)
        else:
            exchange.replay(lambda other: check.is_granted(slug, other) and answer(other))

    def _playlist(
        self, exchange: Exchange, channel: LiveChannel, key: PlaylistKey
    ) -> Callable[[Responder], bool]:
        """Answer with a playlist, and return what does so again while the channel is the same."""
        channel.hls.playlist(exchange, key)

        def again(other: Responder) -> bool:
            if self._hub.channel(channel.slug) is not channel:
                return False
            channel.hls.playlist(other, key)
            return True

        return again

    def _client(self, exchange: Responder) -> str:
        """Return what tells one player from another; see `audience`."""
        fields = exchange.headers
        if not fields.client:
            session = fields.get("x-playback-session-id")
            fields.client = session[:64] if session else self._by_address(exchange)
        return fields.client

    def _by_address(self, exchange: Responder) -> str:
        return f"{exchange.client_address(self._trusted)} {exchange.header('user-agent')[:200]}"

    async def _status(self, exchange: Exchange, slug: str) -> None:
        channel = self._hub.channel(slug)
        if channel is not None:
            exchange.answer(200, _JSON, public_status(channel))
            return
        card = await self._card(exchange, slug)
        if card is not None:
            exchange.answer(200, _JSON, offline_status(card))

    def _all(self, exchange: Exchange) -> None:
        check = self._entitlement
        on_air = [
            self._hub.channel(slug)
            for slug in self._hub.snapshot()
            if check is None or check.denial(slug, exchange) is None
        ]
        objects = b",".join(public_status(channel) for channel in on_air if channel is not None)
        exchange.answer(200, _JSON, b'{"live":[' + objects + b"]}")

    def _operator(self, exchange: Exchange) -> None:
        """Answer `madang status`. Publishers are named, so only for programs on this machine."""
        if not exchange.is_local():
            exchange.refuse(403, "This is for programs on the station's own machine.")
            return
        live = [operator_view(status) for status in self._hub.snapshot().values()]
        chat = {"connections": sum(chats().connections().values())}
        exchange.answer(200, _LOCAL_JSON, msgspec.json.encode({"live": live, "chat": chat}))

    async def _flv(self, exchange: Exchange, slug: str) -> None:
        channel = self._hub.channel(slug)
        if channel is None:
            await self._absent(exchange, slug)
            return
        if exchange.method == "HEAD":
            exchange.answer(200, _FLV)
            return
        client = channel.flv.join(_framing(exchange))
        if client is None:
            refuse_to_begin(exchange, channel.broadcast.show, self._hub.clock.monotonic())
            return
        try:
            if exchange.is_websocket:
                await self._to_websocket(exchange, client)
            else:
                await self._to_response(exchange, client)
        except OSError as error:  # TimeoutError is one
            log.debug("channel %s: an FLV client left: %s", channel.slug, error)
        finally:
            channel.flv.leave(client)

    async def _to_response(self, exchange: Exchange, client: FlvClient) -> None:
        connection = exchange.stream(_FLV)
        with (
            connection,
            _shutting_down_on_error(connection),
            _hang_up_noticed(connection, client.hung_up),
        ):
            try:
                client.attach(connection.fileno())
                await client.over
                if exchange.takes_chunks:
                    connection.send(LAST_CHUNK)
            finally:
                client.close()

    async def _to_websocket(self, exchange: Exchange, client: FlvClient) -> None:
        connection = exchange.accept()
        with connection, _shutting_down_on_error(connection):
            control = ControlReader(connection, client.send_frame, client.hung_up)
            try:
                client.attach(connection.fileno())
                await client.over
                client.send_frame(encode_close(CloseCode.NORMAL, ""))
                await asyncio.wait({control.closed}, timeout=CLOSE_PATIENCE)
            finally:
                control.close()
                client.close()


@functools.lru_cache(PATHS)
def _parts(path: str) -> list[str]:
    """Return what is between the slashes of an address, without `/live/`."""
    return path.split("/")[2:]


def _slug(parts: list[str]) -> str:
    """Return the channel that an address belongs to, empty where it is none's."""
    if len(parts) > 1:
        return parts[0]
    return parts[0].removesuffix(".flv") if parts and parts[0].endswith(".flv") else ""


def _poster(exchange: Exchange, channel: LiveChannel) -> None:
    """Answer a request for the thumbnail."""
    picture = channel.thumbnails.latest
    if picture is None:
        exchange.refuse(404, "There is no picture yet.")
    else:
        channel.statistics.sent("poster", answer_picture(exchange, picture))


def _framing(exchange: Exchange) -> Framing:
    if exchange.is_websocket:
        return Framing.WEBSOCKET
    # HTTP/1.0 knows no chunks: there the end of the connection ends the stream.
    return Framing.CHUNKED if exchange.takes_chunks else Framing.PLAIN


@contextlib.contextmanager
def _shutting_down_on_error(connection: socket.socket) -> Iterator[None]:
    """Shut the connection down where the block fails: closing would not, as it has duplicates."""
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):  # the client was quicker
            connection.shutdown(socket.SHUT_RDWR)
        raise


@contextlib.contextmanager
def _hang_up_noticed(connection: socket.socket, hung_up: Callable[[], None]) -> Iterator[None]:
    """Call `hung_up` when the client closes its end; what it sends is thrown away."""
    loop = asyncio.get_running_loop()

    def readable() -> None:
        try:
            data = connection.recv(DISCARD)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(connection.fileno())
            hung_up()

    loop.add_reader(connection.fileno(), readable)
    try:
        yield
    finally:
        loop.remove_reader(connection.fileno())


@functools.lru_cache(QUERIES)
def directives(query_string: str) -> tuple[int | None, int | None, bool]:
    """Return `_HLS_msn`, `_HLS_part` and whether a delta update is wanted.

    Raises BadDirective.
    """
    query = parse_query(query_string)
    numbers: list[int | None] = []
    for name in ("_HLS_msn", "_HLS_part"):
        text = query.get(name)
        if text is not None and not (
            text.isascii() and text.isdecimal() and len(text) <= MAX_NUMBER
        ):
            raise BadDirective(f"{name} is a decimal number.")
        numbers.append(None if text is None else int(text))
    skip = query.get("_HLS_skip")
    if skip not in {None, "YES", "v2"}:
        raise BadDirective("_HLS_skip is YES or v2.")
    return numbers[0], numbers[1], skip is not None
