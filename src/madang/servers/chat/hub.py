"""The chats of one process: rooms by channel, their connections, and the bus to other processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from madang.apps.broadcasts.ports import directory
from madang.apps.channels.errors import NoSuchChannel
from madang.chat.bus_events import BusEvent, action_of
from madang.chat.ids import NODES, Ids
from madang.chat.model import Message, ModerationAction
from madang.chat.moderation import HIDING
from madang.chat.rate_limits import Buckets, Rate
from madang.chat.room import Room
from madang.chat.state import ChatState
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import DatabaseAway, DatabaseThreads
from madang.infra.deadline import Deadline
from madang.infra.tasks import TaskSupervisor
from madang.servers.chat.bus import Bus
from madang.servers.chat.connection import ChatConnection
from madang.servers.chat.counters import ChatCounters
from madang.servers.chat.fan_out import FanOut
from madang.servers.chat.message_writer import MessageWriter
from madang.wire.chat import CloseReason

log = logging.getLogger(__name__)

Listener = Callable[[Room, str, Message | ModerationAction], None]


_REFUSALS: Final = Rate(60, 60.0)
"""A request a second, for a minute, all refused: nobody who types gets so many."""


@dataclass(frozen=True, slots=True)
class ChatHubSettings:
    """Limits of the chats of a process; times in seconds.

    `tick` lies between two frames of a busy chat. `per_person` and `per_address` limit messages,
    `reactions` the reactions of a person. A connection that goes on after so many `refusals` is not
    read for `pause`, which is shorter than the time-out of a ping. `sweep` lies between two checks
    of all connections' deadlines, `presence` between two presence reports, `reaction_sum` between
    two sums of reactions. A chat stays in memory for `idle` without readers. Events of the last
    `recent`, and at most `most_recent` (20 MB), are kept for a chat that is opened meanwhile:
    another process may not have written them yet, as the database can be away for a minute. `retry`
    lies between two queries while it is. The clients of a process that ends reconnect within
    `drain_spread`.
    """

    tick: float
    per_person: Rate
    per_address: Rate
    reactions: Rate
    refusals: Rate = _REFUSALS
    pause: float = 10.0
    sweep: float = 1.0
    presence: float = 2.0
    reaction_sum: float = 0.5
    idle: float = 300.0
    recent: float = 120.0
    most_recent: int = 20_000
    retry: float = 5.0
    drain_spread: float = 5.0


@dataclass(frozen=True, slots=True)
class ChatQueries:
    """Queries for chats; they run on database threads.

    `open_chat` returns the state of a channel's chat and its recent actions, and raises
    NoSuchChannel. `hidden_by` returns the messages of a channel that an action hides.
    """

    open_chat: Callable[[str], tuple[ChatState, list[ModerationAction]]]
    hidden_by: Callable[[int, str], list[Message]]


class ChatHub:
    """Opens rooms, publishes what happens in them, and applies what the bus delivers."""

    def __init__(
        self,
        settings: ChatHubSettings,
        database: DatabaseThreads,
        queries: ChatQueries,
        bus: Bus,
        writer: MessageWriter,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.counters = ChatCounters()
        self.connections: dict[ChatConnection, None] = {}
        self.per_person = Buckets(settings.per_person)
        self.per_address = Buckets(settings.per_address)
        self.reactions_per_person = Buckets(settings.reactions)
        self.reactions_per_address = Buckets(settings.per_address)
        self._refusals = Buckets(settings.refusals)
        self.draining = False
        self.listeners: list[Listener] = []
        self.person_changed: Callable[[int], None] = lambda _: None
        self.tasks = TaskSupervisor(log, "a task of the chat")
        node = random.SystemRandom().randrange(NODES)
        self.ids = Ids(node)
        self.origin = f"{node:04x}{round(clock.wall() * 1e9):x}"
        self.fan_out = FanOut(self.counters, settings.tick)
        self._number = 0
        self._queries = queries
        self._bus = bus
        self._writer = writer
        self._rooms: dict[str, Room] = {}
        self._opening: dict[str, asyncio.Future[Room]] = {}
        self._recent: deque[tuple[float, BusEvent]] = deque()
        self.loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        """Begin on the running event loop."""
        self.loop = asyncio.get_running_loop()
        self._writer.start()
        await self._bus.start(self._deliver)
        for work in (self._sweep(), self._report_presence(), self._sum_reactions()):
            self.tasks.spawn(work)

    async def close(self, patience: float) -> None:
        """Ask all clients to reconnect in a moment, and write what is waiting, in at most
        `patience` seconds: half of them are left to the database."""
        deadline = Deadline(patience)
        self.draining = True
        for room in self._rooms.values():
            self.fan_out.flush(room)
        for connection in list(self.connections):
            after = round(1.0 + random.random() * self.settings.drain_spread, 1)
            connection.emit("reconnect", {"after": after})
            connection.end(CloseReason.DRAINING)
        bus = asyncio.ensure_future(self._bus.close())
        await asyncio.wait({bus}, timeout=deadline.left(keep=patience / 2))
        await self.tasks.close(deadline.left(keep=patience / 2))
        await self._writer.close(deadline.left())
        if bus.done():
            bus.result()
        else:
            bus.cancel()

    # --- rooms ----------------------------------------------------------------------------------

    @property
    def rooms(self) -> Mapping[str, Room]:
        """The open chats by channel."""
        return self._rooms

    async def room(self, slug: str) -> Room:
        """Return the chat of a channel. Raises NoSuchChannel, DatabaseAway."""
        if (room := self._rooms.get(slug)) is not None:
            return room
        opening = self._opening.get(slug)
        if opening is None:
            opening = self._opening[slug] = asyncio.ensure_future(self._open(slug))
            opening.add_done_callback(lambda _: self._opening.pop(slug, None))
        return await asyncio.shield(opening)

    async def _open(self, slug: str) -> Room:
        state, actions = await self.database.run(partial(self._queries.open_chat, slug))
        now, wall = self.clock.monotonic(), self.clock.wall()
        for saved in (state.history.newest, max((one.id for one in actions), default="")):
            if saved:  # perhaps of a clock that has been set back since
                self.ids.saw(saved)
        room = self._rooms[slug] = Room(state, actions, now)
        room.catch_up((event for _, event in self._recent if event.slug == slug), now, wall)
        return room

    async def reload(self, slug: str) -> None:
        """Apply changes of the database to a chat, or to every chat if `slug` is empty."""
        for name in [slug] if slug else list(self._rooms):
            room = self._rooms.get(name)
            if room is None:
                continue
            try:
                fresh, saved = await self.database.run(partial(self._queries.open_chat, name))
            except NoSuchChannel:
                self._rooms.pop(name, None)
                for reader in list(room.readers):
                    reader.end(CloseReason.REFUSED)
                continue
            except DatabaseAway:
                self.loop.call_later(self.settings.retry, self._reload_later, name)
                continue
            known = {action.id for action in saved}
            recent = (
                action_of(event)
                for _, event in self._recent
                if event.slug == name and event.kind == "act"
            )
            unsaved = [action for action in recent if action.id not in known]
            room.reload(fresh, unsaved, self.clock.wall())
            self.fan_out.schedule(room)

    def _reload_later(self, slug: str) -> None:
        self.tasks.spawn(self.reload(slug))

    def changed(self, slug: str) -> None:
        """Have every process reload a chat."""
        self.publish(slug, "refresh", {})

    def connected_by_channel(self) -> Mapping[str, int]:
        """Return connections by channel, over all processes. Safe to call from any thread."""
        return {slug: room.connected() for slug, room in list(self._rooms.items())}

    def count_refusal(self, connection: ChatConnection, reason: str) -> None:
        """Count a refused request of a client, or its refused join; pause one that goes on."""
        self.counters.refused[reason] += 1
        if reason == "unavailable":
            return  # the station's own fault
        if self._refusals.take(f"{connection.number}", self.clock.monotonic()) is not None:
            connection.pause(self.settings.pause)

    # --- publishing -----------------------------------------------------------------------------

    def publish(
        self, slug: str, kind: str, body: Any, restored: list[Message] | None = None
    ) -> None:
        """Publish an event to every process, this one included."""
        self._number += 1
        self._bus.publish(BusEvent(self.origin, self._number, slug, kind, body, restored or []))

    def send_message(self, room: Room, message: Message) -> None:
        """Publish and store a message."""
        self.counters.messages += 1
        room.expect_message(message)
        self._writer.write(room.state.channel, message)
        self.publish(room.state.slug, "say", message)
        self._notify("message", room, message)

    def perform(self, room: Room, action: ModerationAction) -> None:
        """Publish and store an action.

        An undo of messages that are no longer in memory is published when the database has
        returned them.
        """
        undone = room.actions.get(action.undoes)
        in_memory = room.expected.history.hidden_by(action.undoes)
        room.expect_action(action)
        if undone is not None and undone.kind in HIDING and not in_memory:
            self.tasks.spawn(self._undo_from_database(room, action))
        else:
            self._publish_action(room, action, [])

    async def _undo_from_database(self, room: Room, action: ModerationAction) -> None:
        query = partial(self._queries.hidden_by, room.state.channel, action.undoes)
        try:
            found = await self.database.run(query)
        except DatabaseAway:
            found = []  # shown again after the next restart
        restored = [replace(message, restored=True) for message in found]
        self._publish_action(room, action, restored)

    def _publish_action(
        self, room: Room, action: ModerationAction, restored: list[Message]
    ) -> None:
        self.counters.actions += 1
        self._writer.write(room.state.channel, action)
        self.publish(room.state.slug, "act", action, restored)
        self._notify("act", room, action)

    def _notify(self, kind: str, room: Room, value: Message | ModerationAction) -> None:
        for listener in self.listeners:
            listener(room, kind, value)

    # --- delivery -------------------------------------------------------------------------------

    def _deliver(self, event: BusEvent) -> None:
        """Apply an event of the bus."""
        own = event.origin == self.origin
        match event.kind:
            case "person":
                self.person_changed(event.body["account"])
                return
            case "refresh":
                self.tasks.spawn(self.reload(event.slug))
                return
            case "count" if own:
                return
            case "say" | "act":
                self._remember(event)
                if not own:
                    body = event.body
                    self.ids.saw(body["id"] if isinstance(body, dict) else body.id)
        room = self._rooms.get(event.slug)
        if room is None:
            return
        if event.kind == "act":
            self.fan_out.flush(room)  # moderators get the action's notice after older messages
        if room.apply(event, self.clock.monotonic(), self.clock.wall()):
            self.fan_out.schedule(room)

    def _remember(self, event: BusEvent) -> None:
        now, recent = self.clock.monotonic(), self._recent
        recent.append((now, event))
        while recent[0][0] < now - self.settings.recent or len(recent) > self.settings.most_recent:
            recent.popleft()

    # --- periodic work --------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.settings.sweep)
            for connection in list(self.connections):
                connection.tick(self.loop.time())
            now = self.clock.monotonic()
            for buckets in (
                *(self.per_person, self.per_address, self._refusals),
                *(self.reactions_per_person, self.reactions_per_address),
            ):
                buckets.sweep(now)
            for slug, room in list(self._rooms.items()):
                since = room.empty_since
                idle = since is not None and now - since > self.settings.idle
                if idle and not self._writer.away:  # else this is the only copy of its messages
                    del self._rooms[slug]

    async def _report_presence(self) -> None:
        while True:
            await asyncio.sleep(self.settings.presence)
            on_air = directory().snapshot()
            for slug, room in self._rooms.items():
                self.publish(slug, "count", room.presence_report())
                status = on_air.get(slug)
                viewers = status.viewers if status is not None else None
                if room.update_presence(viewers, self.clock.monotonic()):
                    self.fan_out.schedule(room)

    async def _sum_reactions(self) -> None:
        while True:
            await asyncio.sleep(self.settings.reaction_sum)
            for slug, room in self._rooms.items():
                if room.reactions:
                    self.publish(slug, "react", dict(room.reactions))
                    room.reactions.clear()

    # --- other threads --------------------------------------------------------------------------

    def call_threadsafe(self, work: Callable[[], Any]) -> None:
        """Do `work` on the event loop soon."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(work)
