"""Capacity of a fleet per service, with headroom."""

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
"""Usable share of a link: beyond it queues grow and parts arrive late."""

CPU_USE: Final = 0.7
"""Usable share of the processors: neighbours on shared hardware and load above the mean take the
rest."""

PROCESS_CORES: Final = 1.0
"""Cores of live delivery and of chat: one event loop each."""

WEB_CORES: Final = 4.0
"""Cores that pages and API can use."""

BASE_CORES: Final = 0.2
"""Cores of system, database and proxy under light load."""

UPLOADER: Final = 6.25e6
"""Bytes per second of one uploader: 50 Mbit/s, a good line at home."""

SOCKETS: Final = 10_000
"""Chat connections that one process supports."""

CONNECTION_BYTES: Final = 30_000
"""Memory of a chat connection."""

MEMORY_USE: Final = 0.25
"""Share of a machine's memory that chat connections may take."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Concurrent capacity per service, in whole numbers."""

    live_viewers: Figure
    chat_connections: Figure
    uploads: Figure
    api_rps: Figure


@dataclass(frozen=True)  # no slots: cached properties
class Workload:
    """Cores that the demand takes of each machine, by service."""

    fleet: Fleet
    demand: Demand
    benchmarks: Benchmarks

    @cached_property
    def viewer(self) -> Figure:
        """Cores for one viewer."""
        of_viewer = self.benchmarks.figure("live_viewer")
        of_bytes = self.benchmarks.figure("live_gigabyte")
        return _viewer(viewer_rate(self.demand), self.share(), of_viewer, of_bytes)

    @cached_property
    def live_viewers(self) -> Figure:
        """Viewers that all delivering machines together can serve."""
        limits = [by_network(self), by_processor(self)]
        if (rated := rating(self.fleet)) is not None:
            limits.insert(0, rated)
        return floor("live_viewers", least("viewers_limit", *limits))

    def share(self) -> Figure:
        """Return the share of the data that the station itself sends."""
        return server_share(self.demand)

    @cached_property
    def streams(self) -> Figure:
        """Cores of a delivering machine for the streams, regardless of viewers."""
        channels = given("channels", self.demand.channels, Quantity.COUNT, "demand")
        return product(
            "stream_cores", Quantity.CORES, channels, self.benchmarks.figure("live_stream")
        )

    @cached_property
    def messages(self) -> Figure:
        """Cores for the messages, regardless of readers."""
        said = given("messages", self.demand.messages, Quantity.PER_SECOND, "demand")
        return product(
            "message_cores", Quantity.CORES, said, self.benchmarks.figure("chat_message")
        )

    @cached_property
    def ladder(self) -> Figure:
        """Cores of the renditions below the source, for all channels."""
        rungs = sorted(self.demand.ladder, key=lambda rung: -rung.rate.bits_per_second)[1:]
        costs = [self._rung(rung) for rung in rungs]
        none = given("no_ladder", 0, Quantity.CORES, "demand")
        return product(
            "ladder_cores",
            Quantity.CORES,
            given("channels", self.demand.channels, Quantity.COUNT, "demand"),
            total("rungs_cores", *costs or [none]),
        )

    def _rung(self, rung: Rung) -> Figure:
        found = re.match(r"\d{3,4}", rung.name)
        height = int(found[0]) if found else 480
        if height < 420:
            return self.benchmarks.figure("ladder_360p")
        pixels = given("pixels", (height / 480) ** 2, Quantity.FACTOR, rung.name)
        return product("rung_cores", Quantity.CORES, self.benchmarks.figure("ladder_480p"), pixels)

    def of(self, machine: RentedMachine, *, without: str = "") -> list[Figure]:
        """Return the load of the machine's services, except one."""
        return [figure for name, figure in self._services[machine.name].items() if name != without]

    @cached_property
    def _services(self) -> dict[str, dict[str, Figure]]:
        """Load of each service, by the name of the machine."""
        return {machine.name: self._on(machine) for machine in self.fleet.machines}

    def _on(self, machine: RentedMachine) -> dict[str, Figure]:
        demand = self.demand
        found = {"base": given("base_cores", BASE_CORES, Quantity.CORES, "assumed")}
        if machine.delivers:
            found["streams"] = self.streams
            people = demand.viewers / len(self.fleet.delivering)
            part = given("viewers_here", people, Quantity.PEOPLE, "demand")
            found["live"] = product("live_cores", Quantity.CORES, part, self.viewer)
        if MachineRole.LIVE in machine.roles:
            found["ladder"] = self.ladder
        if MachineRole.CHAT in machine.roles:
            found["messages"] = self.messages
            deliveries = product(
                "chat_deliveries",
                Quantity.PER_SECOND,
                given("chat", demand.chat, Quantity.PEOPLE, "demand"),
                given("messages", demand.messages, Quantity.PER_SECOND, "demand"),
            )
            ability = self.benchmarks.figure("chat_deliveries")
            found["chat"] = quotient("chat_cores", Quantity.CORES, deliveries, ability)
        if MachineRole.WEB in machine.roles:
            asked = given("api", demand.api, Quantity.PER_SECOND, "demand")
            ability = self.benchmarks.figure("api_requests")
            found["api"] = quotient("api_cores", Quantity.CORES, asked, ability)
        return found

    def usable(self, machine: RentedMachine) -> Figure:
        """Return the cores available for planning."""
        return product(
            "usable_cores",
            Quantity.CORES,
            given("vcpu", machine.server.vcpu, Quantity.CORES, str(machine.server.source)),
            given("cpu_use", CPU_USE, Quantity.SHARE, "assumed"),
        )

    def left(self, machine: RentedMachine, service: str, most: float, *same: Figure) -> Figure:
        """Return the cores left for a service when the others take what they need.

        `same` is other load of the service's own process, which can use `most` cores in all.
        """
        rest = difference("rest_cores", self.usable(machine), *self.of(machine, without=service))
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


def network(machine: RentedMachine) -> Figure:
    """Return the usable bit rate of a machine's link."""
    return product(
        "network",
        Quantity.BITS_PER_SECOND,
        given(
            "port",
            machine.server.network.bits_per_second,
            Quantity.BITS_PER_SECOND,
            machine.server.id,
        ),
        given("network_use", NETWORK_USE, Quantity.SHARE, "assumed"),
    )


def by_network(workload: Workload) -> Figure:
    """Return the viewers that the links of the delivering machines carry."""
    rate = product(
        "server_rate", Quantity.BITS_PER_SECOND, viewer_rate(workload.demand), workload.share()
    )
    return total(
        "network_viewers",
        *(
            quotient("machine_viewers", Quantity.PEOPLE, network(machine), rate)
            for machine in workload.fleet.delivering
        ),
    )


def by_processor(workload: Workload) -> Figure:
    """Return the viewers that the processors of the delivering machines serve."""
    return total(
        "cpu_viewers",
        *(
            quotient(
                "machine_viewers",
                Quantity.PEOPLE,
                workload.left(machine, "live", PROCESS_CORES, workload.streams),
                workload.viewer,
            )
            for machine in workload.fleet.delivering
        ),
    )


def capacity_of(workload: Workload) -> Capacity:
    """Return the capacity of each service while the others carry their demand."""
    return Capacity(workload.live_viewers, _chat(workload), _uploads(workload), _api(workload))


def rating(fleet: Fleet) -> Figure | None:
    """Return the number of people that the plan rates the shape for, None if unrated."""
    if fleet.people is None:
        return None
    return given("rating", fleet.people, Quantity.PEOPLE, fleet.source)


def _chat(workload: Workload) -> Figure:
    machine = workload.fleet.machine(MachineRole.CHAT)
    deliveries = product(
        "possible_deliveries",
        Quantity.PER_SECOND,
        workload.left(machine, "chat", PROCESS_CORES, workload.messages),
        workload.benchmarks.figure("chat_deliveries"),
    )
    messages = given("messages", workload.demand.messages, Quantity.PER_SECOND, "demand")
    memory = product(
        "chat_memory",
        Quantity.BYTES,
        given("memory", machine.server.memory.bytes, Quantity.BYTES, machine.server.id),
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


def _uploads(workload: Workload) -> Figure:
    machine = workload.fleet.machine(MachineRole.WEB)
    each = given("uploader", UPLOADER, Quantity.BYTES_PER_SECOND, "assumed")
    incoming = product(
        "incoming",
        Quantity.BYTES_PER_SECOND,
        network(machine),
        given("bytes_per_bit", 1 / 8, Quantity.FACTOR, "constant"),
    )
    cost = product(
        "upload_cores",
        Quantity.CORES,
        workload.benchmarks.figure("upload_gigabyte"),
        each,
        given("gigabytes_per_byte", 1e-9, Quantity.FACTOR, "constant"),
    )
    space = given("block", workload.fleet.block.bytes, Quantity.BYTES, workload.fleet.source)
    size = given("upload_size", workload.demand.upload_gb * 1e9, Quantity.BYTES, "demand")
    limit = least(
        "uploads_limit",
        quotient("uploads_by_disk", Quantity.COUNT, workload.benchmarks.figure("disk_write"), each),
        quotient("uploads_by_network", Quantity.COUNT, incoming, each),
        quotient("uploads_by_space", Quantity.COUNT, space, size),
        quotient("uploads_by_cpu", Quantity.COUNT, workload.left(machine, "", WEB_CORES), cost),
    )
    return floor("uploads", limit)


def _api(workload: Workload) -> Figure:
    machine = workload.fleet.machine(MachineRole.WEB)
    return floor(
        "api_rps",
        product(
            "api_limit",
            Quantity.PER_SECOND,
            workload.left(machine, "api", WEB_CORES),
            workload.benchmarks.figure("api_requests"),
        ),
    )
