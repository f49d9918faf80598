"""All chats of this process: rooms by channel, the tick that sends, and the bus to the others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from madang.apps.broadcasts.ports import directory
from madang.apps.channels.errors import NoSuchChannel
from madang.apps.chat import services, store
from madang.chat.bus_events import BusEvent
from madang.chat.ids import NODES, Ids
from madang.chat.model import Message, ModerationAction
from madang.chat.rate_limits import Buckets, Rate
from madang.chat.state import ChatState
from madang.infra.database import DatabaseAway, DatabaseThreads
from madang.servers.chat.abuse import AbuseDetector
from madang.servers.chat.bus import Bus
from madang.servers.chat.connection import ChatConnection
from madang.servers.chat.counters import ChatCounters
from madang.servers.chat.message_writer import MessageWriter
from madang.servers.chat.room import ACTS, Room, act_of
from madang.wire.chat import CloseReason

log = logging.getLogger(__name__)

SWEEP: Final = 1.0
"""Seconds between two looks at every connection's deadline; pings are not urgent."""

COUNT_EVERY: Final = 2.0
"""Seconds between two words on who is here."""

REACTIONS_EVERY: Final = 0.5
"""Seconds over which reactions are added up."""

EMPTY: Final = 300.0
"""Seconds for which a chat without readers stays in memory."""

RECENT: Final = 120.0
"""Seconds of notes that are kept for a chat that is opened, or read again, meanwhile: what another
process said may not be in the database yet, which can be away for a minute."""

MOST_RECENT: Final = 20_000
"""Such notes, some 20 MB. A station so busy that they span less has all but the last second in the
database, unless that is away."""

AGAIN: Final = 5.0
"""Seconds between tries to read what changed, while the database is away."""

DRAIN_SPREAD: Final = 5.0
"""Seconds over which the clients of a process that ends are asked to come back."""


@dataclass(frozen=True, slots=True)
class ChatHubSettings:
    """Times in seconds. `per_person` and `per_address` limit messages, `reactions` reactions."""

    tick: float
    per_person: Rate
    per_address: Rate
    reactions: Rate


class ChatHub:
    """The chats, their clients, and what keeps them going."""

    def __init__(
        self, settings: ChatHubSettings, database: DatabaseThreads, bus: Bus, writer: MessageWriter
    ) -> None:
        self.settings = settings
        self.database = database
        self.writer = writer
        self.counters = ChatCounters()
        self.connections: dict[ChatConnection, None] = {}
        self.per_person = Buckets(settings.per_person)
        self.per_address = Buckets(settings.per_address)
        self.reaction_rate = Buckets(settings.reactions)
        self.abuse = AbuseDetector()
        self.draining = False
        self.events: list[Callable[[Room, str, Any], None]] = []
        self.person_changed: Callable[[int], None] = lambda _: None
        node = random.SystemRandom().randrange(NODES)
        self.ids = Ids(node)
        self.origin = f"{node:04x}{time.time_ns():x}"
        self._number = 0
        self._bus = bus
        self._rooms: dict[str, Room] = {}
        self._opening: dict[str, asyncio.Future[Room]] = {}
        self._dirty: set[Room] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self._ticked_at = -1e9
        self._recent: deque[tuple[float, BusEvent]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        """Begin on the running event loop."""
        self.loop = asyncio.get_running_loop()
        self.writer.start()
        await self._bus.start(self._deliver)
        for work in (self._sweep(), self._count(), self._react()):
            self.spawn(work)

    def spawn(self, work: Any) -> None:
        """Run a coroutine; its failure goes to the log."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the chat failed", exc_info=error)

    async def close(self, patience: float) -> None:
        """Send everybody away, to come back in a moment, and write down what is left."""
        self.draining = True
        for room in self._rooms.values():
            room.flush()
        for connection in list(self.connections):
            after = round(1.0 + random.random() * DRAIN_SPREAD, 1)
            connection.session.emit("reconnect", {"after": after})
            connection.end(CloseReason.DRAINING)
        await self._bus.close()
        for task in self._tasks:
            task.cancel()
        await self.writer.close(patience)

    # --- rooms ----------------------------------------------------------------------------------

    @property
    def rooms(self) -> Mapping[str, Room]:
        """The open chats by channel."""
        return self._rooms

    async def room(self, slug: str) -> Room:
        """The chat of a channel. Raises NoSuchChannel, DatabaseAway."""
        if (room := self._rooms.get(slug)) is not None:
            return room
        opening = self._opening.get(slug)
        if opening is None:
            opening = self._opening[slug] = asyncio.ensure_future(self._open(slug))
            opening.add_done_callback(lambda _: self._opening.pop(slug, None))
        return await asyncio.shield(opening)

    async def _open(self, slug: str) -> Room:
        state, acts = await self.database.run(partial(_load, slug))
        room = Room(self.loop, state, acts, self.counters)
        self._rooms[slug] = room
        room.catch_up(note for _, note in self._recent if note.slug == slug)
        return room

    async def refresh(self, slug: str) -> None:
        """Take over what changed in the database; empty: in every chat."""
        for name in [slug] if slug else list(self._rooms):
            room = self._rooms.get(name)
            if room is None:
                continue
            try:
                fresh, acts = await self.database.run(partial(_load, name))
            except NoSuchChannel:
                self._rooms.pop(name, None)
                for reader in list(room.readers):
                    reader.end(CloseReason.REFUSED)
                continue
            except DatabaseAway:
                self.loop.call_later(AGAIN, self.changed_here, name)
                continue
            saved = {act.id for act in acts}
            notes = (note for _, note in self._recent if note.slug == name and note.kind == "act")
            room.renew(fresh, [act for note in notes if (act := act_of(note)).id not in saved])
            self._mark(room)

    def changed_here(self, slug: str) -> None:
        """Refresh a chat in this process."""
        self.spawn(self.refresh(slug))

    def changed(self, slug: str) -> None:
        """Have every process refresh a chat."""
        self.publish(slug, "refresh", {})

    def refuse(self, connection: ChatConnection, reason: str) -> None:
        """Count what a client asked for in vain."""
        self.counters.refused[reason] += 1
        now, speaker = self.loop.time(), connection.speaker
        if reason == "unavailable":
            return  # our fault, not his
        if connection.room is None:
            self.abuse.refused_connection(connection.address, connection.peer, reason, now)
            return
        who = f"{connection.address} {speaker.person} {speaker.name}"
        self.abuse.refused_request(who, connection.peer, reason, now)

    # --- notes ----------------------------------------------------------------------------------

    def publish(
        self, slug: str, kind: str, body: Any, restored: list[Message] | None = None
    ) -> None:
        """Tell every process, this one included."""
        self._number += 1
        self._bus.publish(BusEvent(self.origin, self._number, slug, kind, body, restored or []))

    def say(self, room: Room, said: Message) -> None:
        """Send and keep a message."""
        self.counters.messages += 1
        self.writer.keep(room.state.channel, said)
        self.publish(room.state.slug, "say", said)
        self._tell("message", room, said)

    def act(self, room: Room, act: ModerationAction, restored: list[Message]) -> None:
        """Do and keep an act."""
        self.counters.acts += 1
        self.writer.keep(room.state.channel, act)
        self.publish(room.state.slug, "act", act, restored)
        self._tell("act", room, act)

    def _tell(self, kind: str, room: Room, value: Message | ModerationAction) -> None:
        for listener in self.events:
            listener(room, kind, value)

    def _deliver(self, note: BusEvent) -> None:
        if note.kind in {"say", "act"}:
            now = self.loop.time()
            self._recent.append((now, note))
            while self._recent[0][0] < now - RECENT or len(self._recent) > MOST_RECENT:
                self._recent.popleft()
        if note.kind == "person":
            self.person_changed(note.body["account"])
            return
        if note.kind == "refresh":
            self.spawn(self.refresh(note.slug))
            return
        room = self._rooms.get(note.slug)
        if note.origin == self.origin and note.kind == "count":
            return
        if note.kind in {"say", "act"} and note.origin != self.origin:
            body = note.body
            self.ids.saw(body["id"] if isinstance(body, dict) else body.id)
        if room is not None and room.take(note):
            self._mark(room)

    def _mark(self, room: Room) -> None:
        """Have a room send what it has: at once in a quiet moment, else a tick after the last."""
        self._dirty.add(room)
        if self._ticking is None:
            due = self._ticked_at + self.settings.tick
            self._ticking = self.loop.call_at(max(due, self.loop.time()), self._tick)

    def _tick(self) -> None:
        self._ticking = None
        self._ticked_at = self.loop.time()
        dirty, self._dirty = self._dirty, set()
        for room in dirty:
            room.flush()

    # --- now and then ---------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            now = self.loop.time()
            for connection in list(self.connections):
                connection.tick(now)
            for buckets in (self.per_person, self.per_address, self.reaction_rate):
                buckets.sweep(now)
            self.abuse.sweep(now)
            for slug, room in list(self._rooms.items()):
                since = room.empty_since
                # What the database has not taken yet is in no other place.
                if since is not None and now - since > EMPTY and not self.writer.away:
                    del self._rooms[slug]

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_EVERY)
            on_air = directory().snapshot()
            for slug, room in self._rooms.items():
                self.publish(slug, "count", room.counted())
                status = on_air.get(slug)
                if room.presence_changed(status.viewers if status is not None else None):
                    self._mark(room)

    async def _react(self) -> None:
        while True:
            await asyncio.sleep(REACTIONS_EVERY)
            for slug, room in self._rooms.items():
                if room.reactions:
                    self.publish(slug, "react", dict(room.reactions))
                    room.reactions.clear()

    # --- the control plane's questions, from any thread -----------------------------------------

    def by_channel(self) -> Mapping[str, int]:
        """Connections by channel, over all processes."""
        return {slug: room.connected() for slug, room in list(self._rooms.items())}

    def later(self, work: Callable[[], Any]) -> None:
        """Do `work` on the event loop soon."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to tell
            self.loop.call_soon_threadsafe(work)


def _load(slug: str) -> tuple[ChatState, list[ModerationAction]]:
    """On a thread: what the database says of a chat. Raises NoSuchChannel."""
    state = services.open_chat(slug)
    return state, store.recent_acts(state.channel, ACTS)
