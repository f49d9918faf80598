"""A data plane for the pages to ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.apps import Directory

if TYPE_CHECKING:
    from madang.station.config.settings import Settings


@pytest.fixture
def air(station: Settings) -> Iterator[Directory]:
    """The directory in force, with nobody on the air."""
    from madang.apps.broadcasts import ports

    directory = Directory()
    before = ports.directory()
    ports.install(directory)
    yield directory
    ports.install(before)
