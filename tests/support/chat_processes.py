"""Processes that serve one chat inside the test: hubs on a bus, and Socket.IO clients of them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from madang.base.addresses import Network
from madang.chat.bus_events import BusEvent
from madang.chat.model import Account, Message, ModerationAction
from madang.chat.rate_limits import Rate
from madang.chat.state import ChatState
from madang.infra.clock import Clock
from madang.infra.database import DatabaseThreads
from madang.servers.chat.bus import Bus, Deliver
from madang.servers.chat.dispatcher import Dispatcher
from madang.servers.chat.handshake import ChatHandshake, HandshakeSettings
from madang.servers.chat.hub import ChatHub, ChatHubSettings, ChatQueries
from madang.servers.chat.identities import Identities
from madang.servers.chat.message_writer import MessageWriter, WriterLimits
from madang.servers.chat.service import ChatService
from madang.wire.websocket import Opcode, encode_masked
from tests.support.waiting import until

OLIVE: Final = Account(1, "olive", admin=False)
MO: Final = Account(2, "mo", admin=False)
MINJI: Final = Account(3, "minji", admin=False)
ACCOUNTS: Final = {each.name: each for each in (OLIVE, MO, MINJI)}
"""The owner, a moderator and a member; their names are their tokens."""

START: Final = 1_800_000_000.0
PLENTY: Final = Rate(10_000, 1.0)
_KEY: Final = b"abcd"

Story = Callable[["Chat"], Coroutine[Any, Any, None]]


class HeldBus:
    """A bus whose deliveries wait from `hold` to `release`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._deliver: Deliver
        self._held: deque[BusEvent] | None = None

    @property
    def connected(self) -> bool:
        return self._bus.connected

    async def start(self, deliver: Deliver) -> None:
        self._deliver = deliver
        await self._bus.start(self._take)

    def publish(self, event: BusEvent) -> None:
        self._bus.publish(event)

    async def close(self) -> None:
        self.release()
        await self._bus.close()

    def hold(self) -> None:
        self._held = deque()

    def release(self) -> None:
        held, self._held = self._held, None
        for event in held or ():
            self._deliver(event)

    def _take(self, event: BusEvent) -> None:
        if self._held is None or event.kind == "count":
            self._deliver(event)
        else:
            self._held.append(event)


@dataclass
class Records:
    """Contents of the database: the moderators, old actions, and messages that they hide."""

    actions: list[ModerationAction] = field(default_factory=list)
    hidden: list[Message] = field(default_factory=list)

    def open_chat(self, slug: str) -> tuple[ChatState, list[ModerationAction]]:
        state = ChatState(7, slug, OLIVE.id, OLIVE.name, moderators={MO.id: MO.name})
        return state, list(self.actions)

    def hidden_by(self, _channel: int, action: str) -> list[Message]:
        return self.hidden if action in {each.id for each in self.actions} else []


class Process:
    """One process that serves the chat. `seconds` of its clock move by hand."""

    def __init__(self, bus: Bus, records: Records) -> None:
        self.bus = HeldBus(bus)
        self.seconds = 0.0
        self.written: list[Message | ModerationAction] = []
        self._database = DatabaseThreads()
        settings = ChatHubSettings(
            0.005, PLENTY, PLENTY, PLENTY, presence=0.05, reaction_sum=0.05, pause=0.3
        )
        self.hub = ChatHub(
            settings,
            self._database,
            ChatQueries(records.open_chat, records.hidden_by),
            self.bus,
            MessageWriter(self._write, WriterLimits(pause=0.01)),
            clock=Clock(lambda: self.seconds, lambda: START + self.seconds),
        )
        dispatcher = Dispatcher(self.hub)
        networks: tuple[Network, ...] = ()
        self.limits = HandshakeSettings(b"salt", None, "sessionid", networks, PLENTY, 1000, 1000)
        self.handshake = ChatHandshake(
            self.hub,
            dispatcher,
            self.limits,
            Identities(
                by_session=lambda _: None,
                by_token=lambda token: (token, ACCOUNTS[token]) if token in ACCOUNTS else None,
                in_force=lambda tokens: {token: ACCOUNTS[token] for token in tokens},
            ),
        )
        self.service = ChatService(self.hub, dispatcher)

    def _write(self, batch: Any) -> int:
        self.written += [entry for _, entry in batch]
        return len(batch)

    async def close(self) -> None:
        await self.hub.close(1.0)
        self._database.close()


class Client:
    """A Socket.IO client: `events` are pairs of name and payload, in order."""

    def __init__(self, process: Process, name: str, address: str) -> None:
        self.name = name
        near, self._socket = socket.socketpair()
        for end in (near, self._socket):
            end.setblocking(False)
        self.events: list[tuple[str, Any]] = []
        self.open = True
        self._data = b""
        self._acks: dict[int, Any] = {}
        self._number = 0
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        process.handshake.connect(near, address=address, language="en", session_key=None)

    async def join(self, auth: dict[str, Any]) -> None:
        self._send(f"40{json.dumps({'channel': 'yard', **auth})}")
        await until(lambda: bool(self.of("messages") or self.of("connect_error")))

    async def emit(self, event: str, payload: object) -> Any:
        """Return the acknowledgement."""
        self._number += 1
        number = self._number
        self._send(f"42{number}{json.dumps([event, payload])}")
        await until(lambda: number in self._acks)
        return self._acks[number]

    async def say(self, text: str, **more: object) -> Any:
        return await self.emit("message", {"text": text, **more})

    def of(self, event: str) -> list[Any]:
        return [payload for name, payload in self.events if name == event]

    def messages(self) -> list[dict[str, Any]]:
        return [message for batch in self.of("messages") for message in batch]

    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages()]

    async def sees(self, *texts: str) -> None:
        """Wait until these are the messages so far. Raises TimeoutError."""
        await until(lambda: self.texts() == list(texts))

    async def gets(self, event: str, payload: object) -> None:
        """Wait for an event. Raises TimeoutError."""
        await until(lambda: payload in self.of(event))

    def cut(self) -> None:
        if self.open:
            self.open = False
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _send(self, text: str) -> None:
        self._socket.send(encode_masked(Opcode.TEXT, text.encode(), _KEY))

    def _read(self) -> None:
        received = self._socket.recv(1 << 20)
        if not received:
            self.cut()
        self._data += received
        while (frame := _frame(self._data)) is not None:
            opcode, payload, end = frame
            self._data = self._data[end:]
            if opcode == Opcode.TEXT:
                self._take(payload.decode())

    def _take(self, packet: str) -> None:
        kind, rest = packet[:2], packet[2:]
        if kind == "42":
            name, payload = json.loads(rest)
            self.events.append((name, payload))
        elif kind == "43":
            number, bracket, answer = rest.partition("[")
            [self._acks[int(number)]] = json.loads(bracket + answer)
        elif kind == "44":
            self.events.append(("connect_error", json.loads(rest)))


def _frame(data: bytes) -> tuple[int, bytes, int] | None:
    """Return opcode, payload and end of the first frame of a server (RFC 6455, section 5.2)."""
    if len(data) < 2:
        return None
    extra = {126: 2, 127: 8}.get(data[1], 0)
    start = 2 + extra
    size = int.from_bytes(data[2:start]) if extra else data[1]
    if len(data) < start + size:
        return None
    return data[0] & 15, data[start : start + size], start + size


class Chat:
    """A chat on one or more processes; `at(n)` is the nth, modulo their number."""

    def __init__(self, processes: list[Process], records: Records) -> None:
        self.processes = processes
        self.records = records
        self.clients: list[Client] = []

    def at(self, number: int) -> Process:
        return self.processes[number % len(self.processes)]

    async def join(self, name: str, at: int = 0, *, address: str = "", **auth: object) -> Client:
        """Join as the account or the guest of this name, by default from an own address."""
        address = address or f"192.0.2.{len(self.clients) + 1}"
        client = Client(self.at(at), name, address)
        self.clients.append(client)
        await client.join({"token" if name in ACCOUNTS else "name": name, **auth})
        return client

    def hold(self) -> None:
        for process in self.processes:
            process.bus.hold()

    async def release(self) -> None:
        """Deliver what was held, and wait until all processes have the same history."""
        for process in self.processes:
            process.bus.release()
        await self.settled()

    async def counted(self, people: int) -> None:
        """Wait until every process counts so many people."""
        rooms = [process.hub.rooms["yard"] for process in self.processes]
        await until(lambda: all(room.presence(None, 0.0)["people"] == people for room in rooms))

    async def settled(self) -> None:
        """Wait until every process has what each has written, in one order."""
        await until(self._agree)

    def _agree(self) -> bool:
        rooms = [process.hub.rooms["yard"] for process in self.processes]
        sent = {
            entry.id
            for process in self.processes
            for entry in process.written
            if isinstance(entry, Message)
        }
        counted = sum(process.hub.counters.messages for process in self.processes)
        histories = [room.state.history.ids() for room in rooms]
        delivered = [{*room.state.history.ids(), *room.state.history.deleted()} for room in rooms]
        actions = [list(room.actions) for room in rooms]
        return (
            len(sent) == counted
            and all(each == sent for each in delivered)
            and all(each == histories[0] for each in histories)
            and all(each == actions[0] for each in actions)
            and all(room.expected is room.state for room in rooms)
        )


@asynccontextmanager
async def serving(buses: list[Bus], records: Records) -> AsyncIterator[Chat]:
    processes = [Process(bus, records) for bus in buses]
    for process in processes:
        await process.hub.start()
        await process.hub.room("yard")
    chat = Chat(processes, records)
    try:
        await until(lambda: all(process.bus.connected for process in processes))
        yield chat
    finally:
        for process in processes:
            await process.close()
        for client in chat.clients:
            client.cut()


def play(
    make: Callable[[], list[Bus]],
    story: Story,
    actions: Sequence[ModerationAction] = (),
    hidden: Sequence[Message] = (),
) -> None:
    """Run a story on the chat of the buses that `make` returns."""

    async def run() -> None:
        async with serving(make(), Records(list(actions), list(hidden))) as chat:
            await story(chat)

    asyncio.run(run())


class Play(Protocol):
    """`play` on the buses of a test."""

    def __call__(
        self,
        story: Story,
        actions: Sequence[ModerationAction] = (),
        hidden: Sequence[Message] = (),
    ) -> None: ...
