"""A data plane for the pages to ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.rooms import Directory

if TYPE_CHECKING:
    from madang.station.settings import Settings


@pytest.fixture
def air(station: Settings) -> Iterator[Directory]:
    """The directory in force, with nobody on the air."""
    from madang.rooms.broadcasts import live

    directory = Directory()
    before = live.directory()
    live.install(directory)
    yield directory
    live.install(before)
