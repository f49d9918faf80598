"""Delivery of a room's frames to its readers: one frame per tick, in turns of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from madang.chat.room import Reader, Room
from madang.servers.chat.counters import ChatCounters

READERS_PER_TURN: Final = 1000
"""Readers that get a frame before the event loop does something else: some 10 ms."""

_Batch = tuple[bytes, int, list[Reader]]


class FanOut:
    """Sends what rooms have for their readers, on the running event loop.

    `tick` is the seconds between two frames of a busy room; a quiet one sends at once. While the
    readers of a room are still being served, its newer frames wait, and go together afterwards.
    """

    def __init__(
        self, counters: ChatCounters, tick: float, readers_per_turn: int = READERS_PER_TURN
    ) -> None:
        self._counters = counters
        self._tick = tick
        self._readers_per_turn = readers_per_turn
        self._scheduled: set[Room] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._flushed_at = -1e9
        self._sending: dict[Room, deque[_Batch]] = {}

    def schedule(self, room: Room) -> None:
        """Flush a room at once, or a tick after the last flush."""
        self._scheduled.add(room)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            due = max(self._flushed_at + self._tick, loop.time())
            self._timer = loop.call_at(due, self._flush_scheduled)

    def flush(self, room: Room) -> None:
        """Encode a room's new frames and begin to send them, unless older ones are being sent."""
        room.encode_pending()
        if room not in self._sending:
            self._launch(room)

    def enter(self, room: Room, reader: Reader) -> None:
        """Add a reader, which has all that is in the room's history already."""
        self._launch(room)
        room.enter(reader)

    def _flush_scheduled(self) -> None:
        self._timer = None
        self._flushed_at = asyncio.get_running_loop().time()
        rooms, self._scheduled = self._scheduled, set()
        for room in rooms:
            self.flush(room)

    def _launch(self, room: Room) -> None:
        """Begin to send a room's encoded frames to its present readers."""
        output = room.take_output()
        if output is None:
            return
        frames, messages = output
        self._counters.deliveries += messages * len(room.readers)
        batch = (frames, messages, list(room.readers))
        if (queue := self._sending.get(room)) is not None:
            queue.append(batch)
        else:
            self._sending[room] = deque([batch])
            self._send_turn(room)

    def _send_turn(self, room: Room) -> None:
        queue = self._sending[room]
        frames, messages, readers = queue[0]
        for reader in readers[: self._readers_per_turn]:
            reader.push(frames, messages)
        del readers[: self._readers_per_turn]
        if not readers:
            queue.popleft()
        if queue:
            asyncio.get_running_loop().call_soon(self._send_turn, room)
        else:
            del self._sending[room]
            self._launch(room)
