"""One connection of the HTTP server: pipelined requests in, responses out in order (RFC 9112).

The connection works on its socket, without a task and without a transport: a response to a viewer
of low-latency HLS costs two system calls (docs/decisions/0019-an-http-port-of-our-own.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol

from madang.infra.file_region import FileRegion
from madang.infra.socket_writer import SocketWriter
from madang.servers.http.exchange import Exchange, Responder, Server, head_of, plain_text
from madang.servers.http.limits import RECEIVE, RECEIVE_BODY, SMALL_BODY, HttpLimits
from madang.servers.http.memfd_cache import MemfdCache
from madang.servers.http.poller import Poller
from madang.servers.http.request_body import RequestBody
from madang.wire.http1 import Body, BodyEnd, Event, InvalidRequest, Request, RequestReader

_CLOSE: Final = b"connection: close\r\n"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Owner(Server, Protocol):
    """The listener of a connection. `now`: whole seconds of a monotonic clock. `date`: the last
    field and the end of each response head."""

    loop: asyncio.AbstractEventLoop
    poller: Poller
    dispatch: Callable[[Exchange], object]
    limits: HttpLimits
    memfd_cache: MemfdCache
    now: int
    date: bytes
    draining: bool

    def connection_lost(self, connection: HttpConnection) -> None:
        """Forget a connection that was closed or detached."""


class _HalfClosed:
    """The client has shut down its sending side; it may still read responses."""


class HttpConnection(Responder):
    """A client's connection; on the event loop only.

    It is itself the Responder of a request that is replayed, which has no Exchange.
    """

    __slots__ = (
        "_body",
        "_closing",
        "_fileno",
        "_head_since",
        "_idle_since",
        "_lingering",
        "_parser",
        "_paused",
        "_queue",
        "_response_due",
        "_socket",
        "_writer",
        "headers",
        "owner",
        "peer",
    )

    def __init__(self, owner: Owner, accepted: socket.socket, peer: str) -> None:
        self.owner = owner
        self._socket = accepted
        self._fileno = accepted.fileno()
        self._parser = RequestReader()
        self._writer: SocketWriter | None = None  # while the socket does not take all of a response
        self._response_due = False
        self._body: RequestBody | None = None
        self._queue: deque[Event | _HalfClosed] = deque()
        self._closing = False  # after the response that is under way
        self._lingering = False
        self._paused = False
        self._idle_since = owner.now
        self._head_since: int | None = None
        self.headers = self._parser.known_fields  # of the request that is replayed
        self.peer = peer
        owner.poller.watch(self._fileno, self._readable)

    @property
    def busy(self) -> bool:
        """Return whether a response is due or not sent completely."""
        return self._response_due or self._writer is not None

    def send(self, start: bytes, body: bytes, *, shared: bool = False) -> int:
        """Send the response to the current request, unless the client has left."""
        self._response_due = False
        size = len(body)
        if self._fileno < 0:
            return size
        owner = self.owner
        descriptor = -1
        if self._body is not None or self._closing or owner.draining:
            start = self._last_fields(start)
        elif shared:
            descriptor = owner.memfd_cache.descriptor(start, owner.date, body)
        start += owner.date
        total = len(start) + size
        if self._writer is not None:  # 100 (Continue) has not been sent completely
            sent = 0
        else:
            try:
                if descriptor >= 0:
                    sent = os.sendfile(self._fileno, descriptor, 0, total)
                elif size < SMALL_BODY:
                    sent = self._socket.send(start + body)
                else:
                    sent = self._socket.sendmsg((start, body))
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.close()
                return size
        if sent == total:
            self._response_sent()
        else:
            self._send_later(start, body, sent)
        return size

    def send_file(self, start: bytes, region: FileRegion, before: bytes = b"") -> None:
        """Send the response to the current request: `before`, and `region`, which is closed.

        The connection is closed where the file ends before the region.
        """
        self._response_due = False
        if self._fileno < 0:
            region.close()
            return
        writer = self._start_writer()
        writer.queue(self._last_fields(start) + self.owner.date + before)
        writer.queue(region)
        writer.flush()

    def detach(self, start: bytes) -> socket.socket:
        """Send the head of a response and hand the socket over to the caller.

        Raises ConnectionError where the client has left, or has sent more than it should.
        """
        self._response_due = False
        if self._fileno < 0:
            raise ConnectionError("the client has left")
        start += self.owner.date
        try:
            if self._queue or self._writer is not None or self._socket.send(start) != len(start):
                raise ConnectionError("the client sends before it has been answered")
        except OSError:
            self.close()
            raise ConnectionError("the client has left") from None
        self._release()
        return self._socket

    def _last_fields(self, start: bytes) -> bytes:
        """Return `start`, with `connection: close` where no other request will be answered."""
        if self._body is not None:
            self._closing = self._closing or not self._body.complete
            self._body = None
        self._closing = self._closing or self.owner.draining
        return start + _CLOSE if self._closing else start

    def _start_writer(self) -> SocketWriter:
        if self._writer is None:
            self._idle_since = self.owner.now
            self._writer = SocketWriter(self._progressed, lambda _: self.close())
            self._writer.attach(self._fileno)
        return self._writer

    def _send_later(self, start: bytes, body: bytes, sent: int) -> None:
        """Leave all but the first `sent` bytes of `start` and `body` to a writer."""
        writer = self._start_writer()
        if sent < len(start):
            writer.queue(memoryview(start)[sent:])
        if rest := memoryview(body)[max(0, sent - len(start)) :]:
            writer.queue(rest)

    def _progressed(self, _: int) -> None:
        self._idle_since = self.owner.now
        writer = self._writer
        if writer is not None and not writer.waiting:
            writer.detach()
            self._writer = None
            self._response_sent()

    def _response_sent(self) -> None:
        if self._response_due:
            return  # that was 100 (Continue)
        self._idle_since = self.owner.now
        if self._closing:
            # The client may still be sending: closing now could reset the connection before it
            # has read the response (RFC 9112, section 9.6).
            self._lingering = True
            self._queue.clear()
            with contextlib.suppress(OSError):  # the client was quicker
                self._socket.shutdown(socket.SHUT_WR)
            self._update_read_interest()
        elif self._queue:
            self.owner.loop.call_soon(self._process_queue)

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body of the current request; see `Exchange.body`."""
        body = self._body
        if body is not None:
            async for piece in body.pieces(self._resume_body):
                yield piece

    def _resume_body(self) -> None:
        body = self._body
        if body is None or self._fileno < 0:
            return
        if body.expects_continue:
            body.expects_continue = False
            self._start_writer().write(_CONTINUE)
        self._idle_since = self.owner.now
        self._update_read_interest()

    def check(self, now: int) -> None:
        """Enforce the time limits; call about once a second."""
        limits = self.owner.limits
        idle = now - self._idle_since
        if self._lingering:
            if idle > limits.linger_timeout:
                self.close()
        elif self._writer is not None:
            if idle > limits.send_timeout:
                self.close()
        elif self._response_due:
            if self._body is not None and self._body.awaited and idle > limits.body_timeout:
                self._body.abort()
        elif self._head_since is not None:
            if now - self._head_since > limits.head_timeout:
                seconds = limits.head_timeout
                words = f"The head of the request took longer than {seconds} s to arrive."
                self._refuse(408, words)
        elif idle > limits.keep_alive:
            self.close()

    def drain(self) -> None:
        """Close after the response that is due; at once where none is."""
        if not self.busy:
            self._readable()  # a request that has arrived already is answered too
        self._closing = True
        if not self.busy:
            self.close()

    def close(self) -> None:
        """Close the connection now."""
        if self._fileno < 0:
            return
        self._release()
        self._socket.close()
        if self._body is not None:
            self._body.abort()

    def _release(self) -> None:
        self.owner.poller.forget(self._fileno)
        if self._writer is not None:
            self._writer.detach()
            self._writer = None
        self._fileno = -1
        self._queue.clear()
        self.owner.connection_lost(self)

    def _readable(self) -> None:
        body = self._body
        size = RECEIVE if body is None or body.complete else RECEIVE_BODY
        try:
            data = self._socket.recv(size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not data:
            self._half_closed()
            return
        if self._lingering:
            return
        free = not (self._response_due or self._queue or self._writer is not None)
        if free and self._replay(data):
            return
        events = self._parser.receive(data)
        if free and len(events) == 1:
            event = events[0]
            if type(event) is Request:
                self._head_since = None
                self._dispatch(event)
                return
        self._time_head(events)
        self._queue.extend(events)
        self._process_queue()

    def _replay(self, data: bytes) -> bool:
        """Answer a request that others have sent in the same second, if one can; see `replays`."""
        line = self._parser.repeated(data)
        answer = self.owner.replays.get(line)
        if answer is None:
            return False
        self._head_since = None
        self.headers = self._parser.known_fields
        self._response_due = True
        try:
            if answer(self):
                return True
        except Exception as error:  # noqa: BLE001  # the port stays open whatever fails
            request = self._parser.request_of(line)
            assert request is not None  # it was one when its handler was noted
            exchange = Exchange(self, request)
            exchange.answered = not self._response_due
            exchange.fail(error)
            return True
        self._response_due = False
        return False

    def _half_closed(self) -> None:
        """Answer what was asked before the client shut down its side, as `nc -N` does."""
        if self._queue or (self.busy and (self._body is None or self._body.complete)):
            self._queue.append(_HalfClosed())
            self._update_read_interest()
        else:
            self.close()

    def _time_head(self, events: Sequence[Event]) -> None:
        """Note since when an incomplete request head has been arriving."""
        if self._parser.idle or self._body is not None:
            self._head_since = None
        elif events or self._head_since is None:
            self._head_since = self.owner.now

    def _process_queue(self) -> None:
        """Handle queued events up to the next request, if a response is still due."""
        while self._queue and self._fileno >= 0:
            event = self._queue[0]
            if isinstance(event, Body | BodyEnd):
                self._queue.popleft()
                if self._body is not None:  # otherwise it has been answered without the body
                    self._idle_since = self.owner.now
                    self._body.feed(event)
                continue
            if self.busy or self._lingering:
                if isinstance(event, InvalidRequest) and self._body is not None:
                    self._body.abort()
                break
            self._queue.popleft()
            if isinstance(event, Request):
                self._dispatch(event)
                if not self._response_due:
                    break  # it has been answered: other connections come before the next
            elif isinstance(event, InvalidRequest):
                self._refuse(event.status, event.words)
            else:
                self.close()
        self._update_read_interest()

    def _dispatch(self, request: Request) -> None:
        exchange = Exchange(self, request)
        self._response_due = True
        self._closing = not request.keep_alive
        if request.has_body:
            self._body = RequestBody(request)
        try:
            self.owner.dispatch(exchange)
        except Exception as error:  # noqa: BLE001  # the port stays open whatever fails
            exchange.fail(error)

    def _update_read_interest(self) -> None:
        """Read from the socket, except while too much waits or nothing can follow."""
        if self._fileno < 0:
            return
        limits = self.owner.limits
        last = self._queue[-1] if self._queue else None
        full = (
            (self._body is not None and self._body.buffered > limits.max_unread)
            or len(self._queue) > limits.max_pipelined
            or isinstance(last, InvalidRequest | _HalfClosed)
        )
        if full and not self._paused:
            self.owner.poller.forget(self._fileno)
        elif self._paused and not full:
            self.owner.poller.watch(self._fileno, self._readable)
        self._paused = full

    def _refuse(self, status: int, words: str) -> None:
        self._closing = True
        body = f"{words}\n".encode()
        self.send(head_of(status, plain_text(), len(body)), body)
