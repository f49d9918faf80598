"""Catalogue file: TOML, one table per entry.

`[[provider]]`, `[[server]]`, `[[delivery]]`, `[[managed]]`, `[[shape]]`; each has an `id`, a
`source` (optionally `source_ko`, in Korean) and a `date`. Keys carry their unit: `_gb` is 10**9
bytes, `_gib` is 2**30.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from madang.base.units import DataRate, DataSize
from madang.plan.catalogue import (
    Accrual,
    Catalogue,
    Counted,
    Delivery,
    Machine,
    MachineRole,
    Managed,
    Price,
    Provider,
    Server,
    Shape,
    Source,
)
from madang.plan.errors import CatalogueError
from madang.plan.table_reader import TableReader

MAX_FILE: Final = 1_000_000
"""Characters of a catalogue: room for thousands of entries."""

MAX_ENTRIES: Final = 500
"""Entries of a kind: every one-machine offer is computed for every answer."""

MAX_USD: Final = 100_000.0
MAX_GB: Final = 10_000_000.0
"""Ten petabytes: beyond what one operator rents, and exact in floats."""

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_DATE: Final = re.compile(r"20\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_KINDS: Final = ("provider", "server", "delivery", "managed", "shape")

T = TypeVar("T")


def parse(text: str, base: Catalogue | None = None) -> Catalogue:
    """Read a catalogue; entries are added to those of `base` and replace equal identifiers.

    Raises CatalogueError.
    """
    if len(text) > MAX_FILE:
        raise CatalogueError(
            f"The catalogue has {len(text)} characters: expected {MAX_FILE} at most."
        )
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise CatalogueError(f"The catalogue is not TOML: {error}.") from None
    for kind in document:
        if kind not in _KINDS:
            raise CatalogueError(f"The catalogue has {kind!r:.60}: expected {', '.join(_KINDS)}.")
    found = Catalogue(
        _entries(document, "provider", _provider, base.providers if base else {}),
        _entries(document, "server", _server, base.servers if base else {}),
        _entries(document, "delivery", _delivery, base.deliveries if base else {}),
        _entries(document, "managed", _managed, base.managed if base else {}),
        _entries(document, "shape", _shape, base.shapes if base else {}),
    )
    _check_names(found)
    return found


def _entries(
    document: Mapping[str, object],
    kind: str,
    read: Callable[[str, TableReader], T],
    base: Mapping[str, T],
) -> dict[str, T]:
    listed = document.get(kind, [])
    if not isinstance(listed, list) or len(listed) > MAX_ENTRIES:
        raise CatalogueError(f"{kind}: expected at most {MAX_ENTRIES} tables, as [[{kind}]].")
    found: dict[str, T] = {}
    for number, content in enumerate(listed, 1):
        identifier = content.get("id") if isinstance(content, Mapping) else None
        known = isinstance(identifier, str) and _ID.fullmatch(identifier)
        table = TableReader(f"{kind} {identifier if known else number}", content, CatalogueError)
        name = table.text("id", most=40)
        if not _ID.fullmatch(name):
            raise table.invalid("id", name, "lower-case Latin letters, digits and -")
        if name in found:
            raise table.invalid("id", name, "a name that no other entry has")
        found[name] = read(name, table)
        table.finish()
    return {**base, **found}


def _source(table: TableReader) -> Source:
    date = table.text("date", most=10)
    if not _DATE.fullmatch(date):
        raise table.invalid("date", date, "a year, month or day, such as 2026 or 2026-11")
    korean = table.text("source_ko") if table.has("source_ko") else ""
    return Source(table.text("source"), date, korean)


def _price(table: TableReader, key: str) -> Price:
    """Read `KEY_per_gb` or `KEY_per_gib`."""
    which = table.exactly_one(f"{key}_per_gb", f"{key}_per_gib")
    unit = DataSize.gibibytes(1) if which.endswith("_gib") else DataSize.gigabytes(1)
    return Price(table.number(which, 0, 100), unit)


def _size(table: TableReader, key: str, default: float | None = None) -> DataSize:
    """Read `KEY_gb`, `KEY_gib` or `KEY_tb`, exactly one of them."""
    keys = (f"{key}_gb", f"{key}_gib", f"{key}_tb")
    if default is not None and not any(table.has(name) for name in keys):
        return DataSize.gigabytes(default)
    which = table.exactly_one(*keys)
    if which.endswith("_tb"):
        return DataSize.terabytes(table.number(which, 0, MAX_GB / 1000))
    number = table.number(which, 0, MAX_GB)
    return DataSize.gibibytes(number) if which.endswith("_gib") else DataSize.gigabytes(number)


def _provider(identifier: str, table: TableReader) -> Provider:
    return Provider(
        id=identifier,
        name=table.text("name"),
        region=table.text("region"),
        accrual=Accrual(table.choice("accrual", [*Accrual])),
        counted=Counted(table.choice("counted", [*Counted])),
        pooled=table.boolean("pooled", False),
        free=_size(table, "free", 0),
        overage=_price(table, "overage_usd"),
        block=_price(table, "block_usd"),
        object=_price(table, "object_usd"),
        source=_source(table),
    )


def _server(identifier: str, table: TableReader) -> Server:
    return Server(
        id=identifier,
        provider=table.text("provider", most=40),
        name=table.text("name"),
        vcpu=table.integer("vcpu", 1, 1024),
        memory=DataSize.gibibytes(table.number("memory_gib", 0.25, 65_536)),
        disk=DataSize.gigabytes(table.number("disk_gb", 1, MAX_GB)),
        monthly_usd=table.number("monthly_usd", 0, MAX_USD),
        transfer=_size(table, "transfer"),
        network=DataRate.megabits(table.number("network_mbps", 1, 1_000_000)),
        source=_source(table),
    )


def _delivery(identifier: str, table: TableReader) -> Delivery:
    return Delivery(identifier, table.text("name"), _price(table, "usd"), _source(table))


def _managed(identifier: str, table: TableReader) -> Managed:
    return Managed(
        identifier,
        table.text("name"),
        table.number("delivered_usd_per_1000_minutes", 0, 1000),
        table.number("stored_usd_per_1000_minutes", 0, 1000),
        _source(table),
    )


def _shape(identifier: str, table: TableReader) -> Shape:
    machines = tuple(
        _machine(f"shape {identifier}, machine {number}", content)
        for number, content in enumerate(table.entries("machines", 50), 1)
    )
    if len({machine.name for machine in machines}) < len(machines):
        raise CatalogueError(f"shape {identifier}: two machines have one name, expected one each.")
    people = table.integer("people", 1, 10_000_000) if table.has("people") else None
    shape = Shape(
        id=identifier,
        machines=machines,
        block=_size(table, "block", 0),
        object=_size(table, "object", 0),
        people=people,
        per_edge=table.integer("people_per_edge", 0, 10_000_000, 0),
        source=_source(table),
    )
    for role in (
        MachineRole.WEB,
        MachineRole.DATA,
        MachineRole.LIVE,
        MachineRole.CHAT,
        MachineRole.WORKER,
    ):
        count = sum(role in machine.roles for machine in machines)
        if count != 1:
            raise CatalogueError(
                f"shape {identifier}: {count} machines have the role {role}: expected one."
            )
    return shape


def _machine(name: str, content: object) -> Machine:
    table = TableReader(name, content, CatalogueError)
    called, server = table.text("name", most=20), table.text("server", most=40)
    roles = set()
    for role in table.entries("roles", len(MachineRole)):
        if role not in list(MachineRole):
            raise table.invalid("roles", role, "one of " + ", ".join(MachineRole))
        roles.add(MachineRole(role))
    table.finish()
    return Machine(called, server, frozenset(roles))


def _check_names(found: Catalogue) -> None:
    """Raise CatalogueError if an entry refers to another that does not exist."""
    for server in found.servers.values():
        if server.provider not in found.providers:
            raise CatalogueError(
                f"server {server.id}: provider is {server.provider!r:.60}: "
                f"expected one of {', '.join(found.providers) or 'none there are'}."
            )
    for shape in found.shapes.values():
        for machine in shape.machines:
            if machine.server not in found.servers:
                raise CatalogueError(
                    f"shape {shape.id}: server is {machine.server!r:.60}: expected the id of one."
                )
        if len({found.servers[m.server].provider for m in shape.machines}) > 1:
            raise CatalogueError(f"shape {shape.id}: expected servers of one provider.")
