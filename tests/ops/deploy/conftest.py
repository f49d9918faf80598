"""Machines for the tests of deployment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.machines import Ground, missing


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A network with nobody in it but the operator."""
    if lacking := missing():
        pytest.skip(lacking)
    with Ground(tmp_path_factory.mktemp("ground")) as ground:
        yield ground
