"""How many a fleet holds at once, per service, with head room; and what gives way first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from madang.plan.benchmarks import Benchmarks
from madang.plan.catalogue import MachineRole
from madang.plan.demand import Demand, Rung
from madang.plan.figures import (
    Figure,
    Quantity,
    difference,
    floor,
    given,
    least,
    not_below_zero,
    product,
    quotient,
    total,
)
from madang.plan.fleet import Fleet, RentedMachine
from madang.plan.transfer import server_share, viewer_rate

NETWORK_USE: Final = 0.8
"""Share of a link that is planned with: beyond it queues grow and parts come late."""

CPU_USE: Final = 0.7
"""Share of the processors: neighbours on a rented machine, and moments above the mean, take the
rest."""

PROCESS_CORES: Final = 1.0
"""Live delivery and chat are one event loop each: more cores do not help one of them."""

WEB_CORES: Final = 4.0
"""Cores that pages and API make use of."""

BASE_CORES: Final = 0.2
"""System, database and proxy of a machine with little to do."""

UPLOADER: Final = 6.25e6
"""Bytes per second of one who uploads: 50 Mbit/s, a good line at home."""

SOCKETS: Final = 10_000
"""Chat connections that one process is built for."""

CONNECTION_BYTES: Final = 30_000
"""Memory of a chat connection."""

MEMORY_USE: Final = 0.25
"""Share of a machine's memory that chat connections may take."""


@dataclass(frozen=True, slots=True)
class Holds:
    """What is held at once. Each is a whole number."""

    live_viewers: Figure
    chat_connections: Figure
    uploads: Figure
    api_rps: Figure


@dataclass(frozen=True)  # no slots: what each machine carries is worked out once and kept
class Loads:
    """Cores that the demand takes of each machine, by service."""

    fleet: Fleet
    wanted: Demand
    benchmarks: Benchmarks

    @cached_property
    def viewer(self) -> Figure:
        """Cores for one viewer."""
        of_viewer = self.benchmarks.figure("live_viewer")
        of_bytes = self.benchmarks.figure("live_gigabyte")
        return _viewer(viewer_rate(self.wanted), self.share(), of_viewer, of_bytes)

    @cached_property
    def live_viewers(self) -> Figure:
        """Viewers that all delivering machines together hold."""
        limits = [by_network(self), by_processor(self)]
        if (rated := rating(self.fleet)) is not None:
            limits.insert(0, rated)
        return floor("live_viewers", least("viewers_limit", *limits))

    def share(self) -> Figure:
        """What the station itself sends."""
        return server_share(self.wanted)

    @cached_property
    def streams(self) -> Figure:
        """Cores of a delivering machine for the streams themselves, whoever watches."""
        channels = given("channels", self.wanted.channels, Quantity.COUNT, "demand")
        return product(
            "stream_cores", Quantity.CORES, channels, self.benchmarks.figure("live_stream")
        )

    @cached_property
    def messages(self) -> Figure:
        """Cores for the messages themselves, whoever reads."""
        said = given("messages", self.wanted.messages, Quantity.PER_SECOND, "demand")
        return product(
            "message_cores", Quantity.CORES, said, self.benchmarks.figure("chat_message")
        )

    @cached_property
    def ladder(self) -> Figure:
        """Cores of the renditions below the source, all channels."""
        rungs = sorted(self.wanted.ladder, key=lambda rung: -rung.rate.bits_per_second)[1:]
        costs = [self._rung(rung) for rung in rungs]
        none = given("no_ladder", 0, Quantity.CORES, "demand")
        return product(
            "ladder_cores",
            Quantity.CORES,
            given("channels", self.wanted.channels, Quantity.COUNT, "demand"),
            total("rungs_cores", *costs or [none]),
        )

    def _rung(self, rung: Rung) -> Figure:
        found = re.match(r"\d{3,4}", rung.name)
        height = int(found[0]) if found else 480
        if height < 420:
            return self.benchmarks.figure("ladder_360p")
        pixels = given("pixels", (height / 480) ** 2, Quantity.FACTOR, rung.name)
        return product("rung_cores", Quantity.CORES, self.benchmarks.figure("ladder_480p"), pixels)

    def of(self, place: RentedMachine, *, without: str = "") -> list[Figure]:
        """What the machine's services take at the demand, but for one of them."""
        return [figure for name, figure in self._services[place.name].items() if name != without]

    @cached_property
    def _services(self) -> dict[str, dict[str, Figure]]:
        """What each service takes, by the name of the machine."""
        return {place.name: self._on(place) for place in self.fleet.places}

    def _on(self, place: RentedMachine) -> dict[str, Figure]:
        wanted = self.wanted
        found = {"base": given("base_cores", BASE_CORES, Quantity.CORES, "assumed")}
        if place.delivers:
            found["streams"] = self.streams
            people = wanted.viewers / len(self.fleet.delivering)
            part = given("viewers_here", people, Quantity.PEOPLE, "demand")
            found["live"] = product("live_cores", Quantity.CORES, part, self.viewer)
        if MachineRole.LIVE in place.roles:
            found["ladder"] = self.ladder
        if MachineRole.CHAT in place.roles:
            found["messages"] = self.messages
            deliveries = product(
                "chat_deliveries",
                Quantity.PER_SECOND,
                given("chat", wanted.chat, Quantity.PEOPLE, "demand"),
                given("messages", wanted.messages, Quantity.PER_SECOND, "demand"),
            )
            ability = self.benchmarks.figure("chat_deliveries")
            found["chat"] = quotient("chat_cores", Quantity.CORES, deliveries, ability)
        if MachineRole.WEB in place.roles:
            asked = given("api", wanted.api, Quantity.PER_SECOND, "demand")
            ability = self.benchmarks.figure("api_requests")
            found["api"] = quotient("api_cores", Quantity.CORES, asked, ability)
        return found

    def usable(self, place: RentedMachine) -> Figure:
        """Cores that may be planned with."""
        return product(
            "usable_cores",
            Quantity.CORES,
            given("vcpu", place.server.vcpu, Quantity.CORES, str(place.server.source)),
            given("cpu_use", CPU_USE, Quantity.SHARE, "assumed"),
        )

    def left(self, place: RentedMachine, service: str, most: float, *same: Figure) -> Figure:
        """Cores that a service can have where the others take what they need.

        `same` is what else its own process does, which can use `most` cores in all.
        """
        rest = difference("rest_cores", self.usable(place), *self.of(place, without=service))
        cap = product(
            "process_cores",
            Quantity.CORES,
            given("most_cores", most, Quantity.CORES, "assumed"),
            given("cpu_use", CPU_USE, Quantity.SHARE, "assumed"),
        )
        if same:
            cap = not_below_zero("process_left", difference("process_rest", cap, *same))
        return least("left_cores", not_below_zero("free_cores", rest), cap)


@lru_cache(maxsize=256)
def _viewer(rate: Figure, share: Figure, of_viewer: Figure, of_bytes: Figure) -> Figure:
    sent = product("server_rate", Quantity.BITS_PER_SECOND, rate, share)
    gigabytes = given("gigabytes_per_bit", 1 / 8e9, Quantity.FACTOR, "constant")
    return total(
        "viewer_cores",
        of_viewer,
        product("viewer_bytes_cores", Quantity.CORES, of_bytes, sent, gigabytes),
    )


def network(place: RentedMachine) -> Figure:
    """Bits per second that are planned with."""
    return product(
        "network",
        Quantity.BITS_PER_SECOND,
        given(
            "port", place.server.network.bits_per_second, Quantity.BITS_PER_SECOND, place.server.id
        ),
        given("network_use", NETWORK_USE, Quantity.SHARE, "assumed"),
    )


def by_network(loads: Loads) -> Figure:
    """Viewers that the links of the delivering machines carry."""
    rate = product(
        "server_rate", Quantity.BITS_PER_SECOND, viewer_rate(loads.wanted), loads.share()
    )
    return total(
        "network_viewers",
        *(
            quotient("machine_viewers", Quantity.PEOPLE, network(place), rate)
            for place in loads.fleet.delivering
        ),
    )


def by_processor(loads: Loads) -> Figure:
    """Viewers that the processors of the delivering machines serve."""
    return total(
        "cpu_viewers",
        *(
            quotient(
                "machine_viewers",
                Quantity.PEOPLE,
                loads.left(place, "live", PROCESS_CORES, loads.streams),
                loads.viewer,
            )
            for place in loads.fleet.delivering
        ),
    )


def holds(loads: Loads) -> Holds:
    """What the fleet holds of each service while it carries the demand of the others."""
    return Holds(loads.live_viewers, _chat(loads), _uploads(loads), _api(loads))


def rating(fleet: Fleet) -> Figure | None:
    """What the plan rates the shape for."""
    if fleet.people is None:
        return None
    return given("rating", fleet.people, Quantity.PEOPLE, fleet.source)


def _chat(loads: Loads) -> Figure:
    place = loads.fleet.place(MachineRole.CHAT)
    deliveries = product(
        "possible_deliveries",
        Quantity.PER_SECOND,
        loads.left(place, "chat", PROCESS_CORES, loads.messages),
        loads.benchmarks.figure("chat_deliveries"),
    )
    messages = given("messages", loads.wanted.messages, Quantity.PER_SECOND, "demand")
    memory = product(
        "chat_memory",
        Quantity.BYTES,
        given("memory", place.server.memory.bytes, Quantity.BYTES, place.server.id),
        given("memory_use", MEMORY_USE, Quantity.SHARE, "assumed"),
    )
    each = given("connection_bytes", CONNECTION_BYTES, Quantity.BYTES, "assumed")
    limit = least(
        "chat_limit",
        given("sockets", SOCKETS, Quantity.PEOPLE, "assumed"),
        quotient("chat_by_cpu", Quantity.PEOPLE, deliveries, messages),
        quotient("chat_by_memory", Quantity.PEOPLE, memory, each),
    )
    return floor("chat_connections", limit)


def _uploads(loads: Loads) -> Figure:
    place = loads.fleet.place(MachineRole.WEB)
    each = given("uploader", UPLOADER, Quantity.BYTES_PER_SECOND, "assumed")
    incoming = product(
        "incoming",
        Quantity.BYTES_PER_SECOND,
        network(place),
        given("bytes_per_bit", 1 / 8, Quantity.FACTOR, "constant"),
    )
    cost = product(
        "upload_cores",
        Quantity.CORES,
        loads.benchmarks.figure("upload_gigabyte"),
        each,
        given("gigabytes_per_byte", 1e-9, Quantity.FACTOR, "constant"),
    )
    space = given("block", loads.fleet.block.bytes, Quantity.BYTES, loads.fleet.source)
    size = given("upload_size", loads.wanted.upload_gb * 1e9, Quantity.BYTES, "demand")
    limit = least(
        "uploads_limit",
        quotient("uploads_by_disk", Quantity.COUNT, loads.benchmarks.figure("disk_write"), each),
        quotient("uploads_by_network", Quantity.COUNT, incoming, each),
        quotient("uploads_by_space", Quantity.COUNT, space, size),
        quotient("uploads_by_cpu", Quantity.COUNT, loads.left(place, "", WEB_CORES), cost),
    )
    return floor("uploads", limit)


def _api(loads: Loads) -> Figure:
    place = loads.fleet.place(MachineRole.WEB)
    return floor(
        "api_rps",
        product(
            "api_limit",
            Quantity.PER_SECOND,
            loads.left(place, "api", WEB_CORES),
            loads.benchmarks.figure("api_requests"),
        ),
    )
