"""One connection of the HTTP port: requests in, answers out, one after the other (RFC 9112).

It lives on its socket, without a task and without a transport: a viewer of low-latency HLS costs
two system calls for each answer, and nothing else that could be left out
(docs/decisions/0019-an-http-port-of-our-own.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from madang.servers.http.exchange import Exchange, Replays, head_of, plain_text
from madang.servers.http.sending import Owner, Sending
from madang.wire.http1 import Body, BodyEnd, Broken, Event, Request, RequestReader

RECEIVE: Final = 16 << 10
RECEIVE_BODY: Final = 256 << 10
"""Bytes taken from the socket at once, of heads and of bodies."""

MAX_AHEAD: Final = 8
"""Events of requests that a client may send before it has the answer to the first."""

MAX_UNREAD: Final = 256 << 10
"""Bytes of a body that wait for whoever reads it; then the client waits."""

KEEP_ALIVE: Final = 75
"""Seconds for which a connection may be idle: more than a proxy in front keeps one."""

HEAD_PATIENCE: Final = 15
"""Seconds from the first byte of a head to its last."""

LINGER: Final = 5
"""Seconds in which a client takes the last answer before its connection is cut."""

_CLOSE: Final = b"connection: close\r\n"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True)
class _Unread:
    """The body of a request that is being received."""

    data: bytearray = field(default_factory=bytearray)  # in one, however small the chunks were
    ended: bool = False
    broken: bool = False  # what came instead of its end cannot be understood
    wanted: asyncio.Future[None] | None = None
    continues: bool = False  # the client waits to be told that it may send

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self.wanted is not None and not self.wanted.done():
            self.wanted.set_result(None)


class _HungUp:
    """The client will send no more. It may wait for what it has asked for."""


class HttpConnection(Sending):
    """A client's connection, from being accepted to its end; on the event loop only.

    Where many ask the same, it is itself who asks, and there is no exchange.
    """

    __slots__ = (
        "_ahead",
        "_body",
        "_closing",
        "_head_since",
        "_idle_since",
        "_lingers",
        "_owed",
        "_paused",
        "_reader",
        "headers",
        "peer",
    )

    def __init__(self, owner: Owner, accepted: socket.socket, peer: str) -> None:
        super().__init__(owner, accepted)
        self._reader = RequestReader()
        self._owed = False  # an answer
        self._body: _Unread | None = None
        self._ahead: deque[Event | _HungUp] = deque()
        self._closing = False
        self._lingers = False
        self._paused = False
        self._idle_since = owner.now
        self._head_since: int | None = None
        self.headers = self._reader.known_fields  # of the request that is repeated
        self.peer = peer
        owner.poller.watch(self._fileno, self._readable)

    @property
    def server(self) -> tuple[str, int]:
        """The address and port that it came to."""
        return self._owner.server

    @property
    def replays(self) -> Replays:
        """What answers requests that others have sent in the same words; see `Exchange.repeat`."""
        return self._owner.replays

    @property
    def busy(self) -> bool:
        """Whether somebody is owed an answer, or the rest of one."""
        return self._owed or bool(self._unsent)

    # --- answers ---

    def send(self, start: bytes, body: bytes, *, shared: bool = False) -> int:
        """Send the answer to the request that is under way; see `Asker.send`.

        `start` is the head up to where the fields of the connection follow. Where the client has
        left, nothing is sent.
        """
        self._owed = False
        if self._fileno < 0:
            return len(body)
        if self._body is not None:
            self._closing = self._closing or not self._body.ended
            self._body = None
        owner = self._owner
        if self._closing or owner.leaving:
            self._closing = True
            start += _CLOSE
        elif shared:
            file = owner.memfd_cache.file(start, owner.date, body)
            if file >= 0:
                self._send_file(file, start, body)
                return len(body)
        self._send(start + owner.date, body)
        return len(body)

    def give_away(self, start: bytes) -> socket.socket:
        """Send the head of an answer, and let go of the socket, which is then the caller's.

        Raises ConnectionError where the client has left, or has sent more than it should.
        """
        self._owed = False
        if self._fileno < 0:
            raise ConnectionError("the client has left")
        start += self._owner.date
        try:
            if self._ahead or self._unsent or self._socket.send(start) != len(start):
                raise ConnectionError("the client sends before it has been answered")
        except OSError:
            self.close()
            raise ConnectionError("the client has left") from None
        self._release()
        return self._socket

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body of the request that is under way; see `Exchange.body`."""
        unread = self._body
        if unread is None:
            return
        if unread.continues and not unread.data:
            self._send(_CONTINUE, b"")
        unread.continues = False
        while True:
            while unread.data:
                piece = bytes(unread.data)
                unread.data.clear()
                self._heed()
                yield piece
            if unread.ended:
                return
            if unread.broken or self._fileno < 0:
                raise ConnectionError("the client left in the middle of its request")
            unread.wanted = self._owner.loop.create_future()
            await unread.wanted

    # --- the end ---

    def check(self, now: int) -> None:
        """Give up who says nothing; call about once a second."""
        if self._lingers:
            if now - self._idle_since > LINGER:
                self.close()
        elif self.busy:
            return
        elif self._head_since is not None:
            if now - self._head_since > HEAD_PATIENCE:
                words = f"The head of the request took longer than {HEAD_PATIENCE} s to arrive."
                self._say_last(408, words)
        elif now - self._idle_since > KEEP_ALIVE:
            self.close()

    def leave(self) -> None:
        """End it once the answer that is owed has been sent: now, where none is."""
        if not self.busy:
            self._readable()  # what has come already is answered too
        self._closing = True
        if not self.busy:
            self.close()

    def close(self) -> None:
        """End it now."""
        if self._fileno < 0:
            return
        self._release()
        self._socket.close()
        if self._body is not None:
            self._body.wake()

    def _release(self) -> None:
        self._owner.poller.forget(self._fileno)
        if self._unsent:
            self._owner.loop.remove_writer(self._fileno)
            self._unsent.clear()
        self._fileno = -1
        self._ahead.clear()
        self._owner.gone(self)

    # --- what comes in ---

    def _readable(self) -> None:
        body = self._body
        size = RECEIVE if body is None or body.ended else RECEIVE_BODY
        try:
            data = self._socket.recv(size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not data:
            self._hung_up()
            return
        if self._lingers:
            return
        free = not (self._owed or self._ahead or self._unsent)
        if free and self._replay(data):
            return
        events = self._reader.receive(data)
        if free and len(events) == 1:
            event = events[0]
            if type(event) is Request:
                self._head_since = None
                self._begin(event)
                return
        self._note_head(events)
        self._ahead.extend(events)
        self._proceed()

    def _replay(self, data: bytes) -> bool:
        """Answer, or begin to wait for the answer to, what others have asked for just now."""
        line = self._reader.plain(data)
        answer = self._owner.replays.get(line)
        if answer is None:
            return False
        self._head_since = None
        self.headers = self._reader.known_fields
        self._owed = True
        try:
            if answer(self):
                return True
        except Exception as error:  # noqa: BLE001  # the port stays open whatever fails
            request = self._reader.asked(line)
            assert request is not None  # it was one when it was noted what answers it
            exchange = Exchange(self, request)
            exchange.answered = not self._owed
            exchange.fail(error)
            return True
        self._owed = False
        return False

    def _hung_up(self) -> None:
        """Answer what was asked before the client shut its end, as `nc -N` does, then end it."""
        if self._ahead or (self.busy and (self._body is None or self._body.ended)):
            self._ahead.append(_HungUp())
            self._heed()
        else:
            self.close()

    def _note_head(self, events: Sequence[Event]) -> None:
        """Remember since when a head has been under way."""
        if self._reader.between or self._body is not None:
            self._head_since = None
        elif events or self._head_since is None:
            self._head_since = self._owner.now

    def _proceed(self) -> None:
        """Take what came, as far as what is under way lets it."""
        while self._ahead and self._fileno >= 0:
            event = self._ahead[0]
            if isinstance(event, Body | BodyEnd):
                self._ahead.popleft()
                self._take_body(event)
                continue
            if self.busy or self._lingers:
                if isinstance(event, Broken):
                    self._cut_body()
                break
            self._ahead.popleft()
            if isinstance(event, Request):
                self._begin(event)
                if not self._owed:
                    break  # it has been answered: others have their turn before the next
            elif isinstance(event, Broken):
                self._say_last(event.status, event.words)
            else:
                self.close()
        self._heed()

    def _begin(self, request: Request) -> None:
        exchange = Exchange(self, request)
        self._owed = True
        self._closing = not request.keep_alive
        if request.has_body:
            expected = request.fields.get("expect").lower() == "100-continue"
            self._body = _Unread(continues=expected and request.version == "1.1")
        try:
            self._owner.dispatch(exchange)
        except Exception as error:  # noqa: BLE001  # the port stays open whatever fails
            exchange.fail(error)

    def _take_body(self, event: Body | BodyEnd) -> None:
        unread = self._body
        if unread is None:
            return  # of a request that was answered without it
        if isinstance(event, Body):
            unread.data += event.data
        else:
            unread.ended = True
        unread.wake()

    def _cut_body(self) -> None:
        """Let whoever reads the body know that the rest of it will not come."""
        if self._body is not None and not self._body.ended:
            self._body.broken = True
            self._body.wake()

    def _heed(self) -> None:
        """Read no further while too much waits or nothing follows, and go on when it does not."""
        if self._fileno < 0:
            return
        unread = len(self._body.data) if self._body is not None else 0
        last = self._ahead[-1] if self._ahead else None
        full = (
            unread > MAX_UNREAD
            or len(self._ahead) > MAX_AHEAD
            or isinstance(last, Broken | _HungUp)
        )
        if full and not self._paused:
            self._owner.poller.forget(self._fileno)
        elif self._paused and not full:
            self._owner.poller.watch(self._fileno, self._readable)
        self._paused = full

    def _say_last(self, status: int, words: str) -> None:
        self._closing = True
        body = f"{words}\n".encode()
        self.send(head_of(status, plain_text(), len(body)), body)

    # --- what has gone out ---

    def _sent(self) -> None:
        if self._owed:
            return  # it was leave to go on
        self._idle_since = self._owner.now
        if self._closing:
            # The client may still be sending: closing now would take the answer from it
            # (RFC 9112, section 9.6).
            self._lingers = True
            self._ahead.clear()
            with contextlib.suppress(OSError):  # the client was quicker
                self._socket.shutdown(socket.SHUT_WR)
            self._heed()
        elif self._ahead:
            self._owner.loop.call_soon(self._proceed)
