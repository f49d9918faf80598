"""The shared station, with people who have accounts."""

from __future__ import annotations

import pytest

from tests.support.chat import MEMBER, MODERATOR
from tests.support.station import Station


@pytest.fixture(scope="session")
def station(on_air: Station) -> Station:
    """The shared station, with two more accounts."""
    for name, password in (MODERATOR, MEMBER):
        on_air.command("user", "create", name, "--password", password)
    return on_air
