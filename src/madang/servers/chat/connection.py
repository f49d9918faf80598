"""One chat connection: its socket, its session, and a bounded queue for a slow reader."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

from django.utils.translation import override

from madang.base.errors import MadangError
from madang.chat.errors import ChatRefused
from madang.chat.model import Account, Role
from madang.chat.room import Room
from madang.chat.state import Participant
from madang.infra.socket_writer import SocketWriter
from madang.servers.chat.identities import Credential
from madang.wire.chat import ChatEvent, ChatSession, CloseReason, SessionEnded, event_frame

MAX_QUEUED: Final = 256 << 10
"""Bytes that may wait for one reader beside the kernel's buffer. The frames are shared by all
readers, so a thousand stalled ones cost little more than one."""

MAX_FRAMES: Final = 256

STALL: Final = 60.0
"""Seconds in which a reader that is behind takes nothing, then it is cut off."""

RECEIVE: Final = 16 << 10

NOBODY: Final = Participant("", "", Role.GUEST)
"""The participant of a connection that has not joined yet."""


_numbers = count(1)


class ChatConnection:
    """A client, from the WebSocket handshake to the end.

    `address` is what limits count by, `language` the code of the one in which it is told what is
    refused. `events` is called with what the session says; `lost` with the ending when it is over.
    `device` is the random id of the browser, empty until it has joined or where there is none;
    `number` tells connections of this process apart.
    """

    __slots__ = (
        "_events",
        "_fileno",
        "_frames",
        "_loop",
        "_lost",
        "_paused",
        "_queued",
        "_send",
        "_socket",
        "_writer",
        "account",
        "address",
        "credential",
        "device",
        "dropped",
        "language",
        "missed",
        "number",
        "participant",
        "room",
        "session",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        taken: socket.socket,
        session: ChatSession,
        *,
        address: str,
        language: str,
        events: Callable[[ChatConnection, list[ChatEvent]], None],
        lost: Callable[[ChatConnection, CloseReason], None],
    ) -> None:
        self._loop = loop
        self._socket = taken
        self._fileno = taken.fileno()
        self._send = taken.send
        self._events = events
        self._lost = lost
        self._frames: deque[tuple[bytes, int]] | None = None
        self._queued = 0
        self._paused: asyncio.TimerHandle | None = None
        self._writer: SocketWriter | None = None  # while the client does not take a whole frame
        self.number = next(_numbers)
        self.session = session
        self.address = address
        self.language = language
        self.device = ""
        self.missed = 0
        self.dropped = 0
        self.room: Room | None = None
        self.participant = NOBODY
        self.account: Account | None = None
        self.credential: Credential | None = None
        loop.add_reader(self._fileno, self._readable)
        self.flush()

    @property
    def behind(self) -> bool:
        """Return whether something waits for the reader."""
        return self._writer is not None

    @property
    def closed(self) -> bool:
        """Return whether the socket is gone."""
        return self._fileno < 0

    def words(self, error: MadangError) -> str:
        """Return the message of an error in the client's language."""
        with override(self.language):
            return error.message

    def emit(self, event: str, payload: object) -> None:
        """Send an event to this client alone."""
        self.session.emit(event, payload)
        self.flush()

    def send_error(self, error: ChatRefused) -> None:
        """Send an error that acknowledges no event of the client."""
        self.emit("error", {"code": error.code, "detail": self.words(error)})

    def expel(self, error: ChatRefused, reason: CloseReason) -> None:
        """Send an error and close the connection."""
        self.send_error(error)
        self.end(reason)

    def push(self, frame: bytes, messages: int = 0) -> None:
        """Send a frame, or keep it until the reader has taken what was before.

        `messages` is how many the reader misses if the frame is dropped. Never waits.
        """
        if self._writer is None:
            try:
                sent = self._send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._break()
                return
            if sent != len(frame):
                self._writer = SocketWriter(self._progressed, lambda _: self._break())
                self._writer.attach(self._fileno)
                self._writer.queue(memoryview(frame)[sent:])
            return
        if self._fileno >= 0:
            self._keep(frame, messages)

    def flush(self) -> None:
        """Send what the session has to say."""
        if output := self.session.take_output():
            self.push(output)

    def tick(self, now: float) -> None:
        """Ping, and give up on readers that have stalled."""
        if self._writer is not None and now - self._writer.progressed_at > STALL:
            self.end(CloseReason.STALLED)
        elif now >= self.session.deadline():
            self._tell(self.session.tick(now))

    def pause(self, seconds: float) -> None:
        """Read nothing more for so long: the client's own socket holds it up."""
        if self._paused is None and not self.closed:
            self._loop.remove_reader(self._fileno)
            self._paused = self._loop.call_later(seconds, self._resume)

    def end(self, ending: CloseReason) -> None:
        """Close from our side, with the ending's code."""
        self.session.close(ending)
        self.flush()
        self._close(ending)

    def _keep(self, frame: bytes, messages: int) -> None:
        if self._frames is None:
            self._frames = deque()
        self._frames.append((frame, messages))
        self._queued += len(frame)
        while self._queued > MAX_QUEUED or len(self._frames) > MAX_FRAMES:
            dropped, count = self._frames.popleft()
            self._queued -= len(dropped)
            self.missed += count
            self.dropped += count

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._fileno, self._readable)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(RECEIVE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._break()
            return
        self._tell(self.session.receive(data, self._loop.time()))

    def _progressed(self, _: int) -> None:
        """Send the next frame when all of one has been sent; `missed` comes before what follows."""
        writer = self._writer
        if writer is None or writer.waiting:
            return
        if self.missed:
            writer.queue(event_frame("missed", {"count": self.missed}))
            self.missed = 0
        elif self._frames:
            frame, _ = self._frames.popleft()
            self._queued -= len(frame)
            writer.queue(frame)
        else:
            writer.detach()
            self._writer = None
            self._frames = None

    def _tell(self, events: list[ChatEvent]) -> None:
        if events:
            self._events(self, events)
        if self._fileno < 0:
            return
        self.flush()
        ended = next((event.ending for event in events if isinstance(event, SessionEnded)), None)
        if ended is not None:
            self._close(ended)

    def _break(self) -> None:
        self._close(CloseReason.BROKEN)

    def _close(self, ending: CloseReason) -> None:
        if self._fileno < 0:
            return
        self._loop.remove_reader(self._fileno)
        if self._paused is not None:
            self._paused.cancel()
        if self._writer is not None:
            self._writer.detach()
        self._fileno = -1
        self._frames = None
        with contextlib.suppress(OSError):  # the client was quicker
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._lost(self, ending)
