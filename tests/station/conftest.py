"""Roles of the station that a file of tests splits: its fixture `split`."""

from __future__ import annotations

import pytest

from tests.support.split import Role, Split


@pytest.fixture(scope="module")
def web(split: Split) -> Role:
    """The pages' process."""
    return split.start("web")


@pytest.fixture(scope="module")
def live(split: Split) -> Role:
    """The streams' process."""
    return split.start("live")
