"""One Django for the whole run, on a database of its own; and who runs beside whom.

Tests that touch the database ask for `db`: what they write is rolled back. `committed_db` is for
those that need real transactions (threads, locks): it empties the tables afterwards.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from madang.station import boot
from madang.station.config import settings
from madang.station.config.settings import Settings
from tests.support import stores
from tests.support.sizes import sized
from tests.support.station import ROOT
from tests.support.stores import Server

pytest_plugins = ["tests.support.lanes", "tests.support.repeats", "tests.support.receiver"]

# A slow example is no failure on a busy machine. The short form tries the same examples each time.
hypothesis.settings.register_profile("short", max_examples=25, deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(sized("short", "long"))

# A developer's own settings must not decide whether a test passes.
for variable in [name for name in os.environ if name.startswith("MADANG_") and "__" in name]:
    del os.environ[variable]


# Collection makes a million objects that live to the end: no collection has to look at them.
gc.disable()


def pytest_collection_finish() -> None:
    """Exempt what exists now from garbage collections."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--store=postgresql`: the same tests on PostgreSQL and Redis."""
    parser.addoption("--store", choices=["sqlite", "postgresql"], default="sqlite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL and Redis, keep what takes the stores of the run (`store`): the rest would be
    the same once more."""
    if config.getoption("store") == "sqlite":
        return
    takes = {item: "store" in getattr(item, "fixturenames", ()) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if not takes[item]])
    items[:] = [item for item in items if takes[item]]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server, where a test asks for one."""
    with stores.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Server]:
    """A Redis server, where a test asks for one."""
    with stores.redis() as server:
        yield server


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    """The stores of this run, as environment variables: none for SQLite and memory."""
    if request.config.getoption("store") == "sqlite":
        return {}
    return {
        "MADANG_DATABASE__URL": request.getfixturevalue("postgresql").url,
        "MADANG_REDIS__URL": request.getfixturevalue("redis").url,
    }


@pytest.fixture(scope="session")
def station(tmp_path_factory: pytest.TempPathFactory, store: dict[str, str]) -> Iterator[Settings]:
    """Settings in force in this process, on a data folder that ends with the run."""
    in_force = settings.load(tmp_path_factory.mktemp("station"), environ=store)
    # Tests have many threads at once, each with its connection.
    boot.control_plane(in_force, connections=24)
    _without_front_end(tmp_path_factory.mktemp("front-end"))
    from django.contrib.auth.hashers import Argon2PasswordHasher
    from django.test.utils import setup_test_environment

    # Hundreds of accounts are made here: the same hash, without its deliberate cost.
    Argon2PasswordHasher.time_cost = 1
    Argon2PasswordHasher.memory_cost = 64
    Argon2PasswordHasher.parallelism = 1

    setup_test_environment()
    yield in_force
    from django.db import connection

    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()


@pytest.fixture
def db(station: Settings) -> Iterator[None]:
    """The database, as it was before the test once the test is over."""
    from django.core.cache import cache
    from django.test import TestCase
    from django.utils import translation

    translation.activate("en")  # a request of an earlier test may have left another

    class Rollback(TestCase):
        """Borrowed for its transaction."""

    Rollback.setUpClass()
    case = Rollback("run")
    case._pre_setup()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        case._post_teardown()  # type: ignore[attr-defined]
        Rollback.tearDownClass()
        Rollback.doClassCleanups()  # patches of Django, which would nest with every test
        cache.clear()


@pytest.fixture
def committed_db(station: Settings) -> Iterator[None]:
    """The database with real transactions; every table is empty afterwards."""
    from django.core.management import call_command
    from django.utils import translation

    translation.activate("en")
    yield
    call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def client(db: None) -> Any:
    """A browser without JavaScript: `django.test.Client`."""
    from django.test import Client

    return Client(HTTP_HOST="localhost")


def _without_front_end(folder: Path) -> None:
    # Pages are tested for what they say, also where nobody has built the scripts.
    if (boot.web_folder() / "static" / "dist" / "manifest.json").is_file():
        return
    from django.conf import settings as django_settings

    manifest = folder / "manifest.json"
    names = [f"src/{path.name}" for path in (ROOT / "frontend/src").glob("*.ts")]
    manifest.write_text(json.dumps({name: {"file": f"{name}.js"} for name in names}))
    django_settings.DJANGO_VITE["default"]["manifest_path"] = manifest
