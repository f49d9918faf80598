"""One station, one browser and one event loop for all end-to-end tests.

A test here may be a coroutine function: it runs on the loop that the browser lives on.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support import encoders
from tests.support.browser import chromium
from tests.support.encoders import Encoder, Recipe, publish
from tests.support.station import Station

GRACE = 8
"""Seconds that a show waits for its encoder; the default would make every ending take 30."""

FRAME_RATE = 10
"""Pictures a second of the usual stream."""

STORY_LIMIT = 150
"""Seconds; the longest story watches a minute of a show."""

METRICS_TOKEN = "a token for other machines"

CHANNELS = (
    *("steady", "quality", "waiting", "ending", "framed", "desk", "renamed", "sparse", "players"),
    *("taken", "cut", "thrice", "crowd", "rotated", "tracks", "broken"),
    *("talk", "order", "rules", "missed", "again", "many", "keys", "place", "second"),
    *("names", "emotes", "menus", "lifting", "blocked", "addresses", "manyen", "manyko"),
    *("clipsen", "clipsko", "cached"),
)

Publish = Callable[..., AbstractContextManager[Encoder]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    folder = f"{Path(__file__).parent}/"
    for item in items:
        if str(item.path).startswith(folder):
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Run coroutine functions on the loop of the session."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    shared = pyfuncitem.funcargs["runner"]
    assert isinstance(shared, asyncio.Runner)
    shared.run(_bounded(pyfuncitem.obj(**arguments)))
    return True


async def _bounded(story: Coroutine[Any, Any, None]) -> None:
    """End a story that hangs while its own frames can still say where."""
    async with asyncio.timeout(STORY_LIMIT):
        await story


@pytest.fixture(scope="session", autouse=True)
def runner() -> Iterator[asyncio.Runner]:
    """The loop that everything asynchronous of these tests shares."""
    with asyncio.Runner() as shared:
        yield shared


@pytest.fixture(scope="session")
def on_air(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """The station that most tests share, each on a channel of its own."""
    station = Station(
        tmp_path_factory.mktemp("e2e") / "data",
        LIVE__GRACE=str(GRACE),
        LIVE__LADDER="[180]",
        HTTP__METRICS_TOKEN=METRICS_TOKEN,
        # Tests do in a second what people do in a minute, all from one address.
        CHAT__MESSAGES_PER_PERSON="50",
        CHAT__MESSAGES_PER_ADDRESS="500",
    )
    station.open_channels(*CHANNELS)
    with station.running():
        yield station


@pytest.fixture(scope="session")
def browser(runner: asyncio.Runner) -> Iterator[Browser]:
    """Chromium."""
    context = chromium()
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def picture() -> Path:
    """Two minutes of H.264 and AAC, 320x180, a key frame every two seconds."""
    return encoders.sample(Recipe(length=120.0, frame_rate=FRAME_RATE))


@pytest.fixture
def show(on_air: Station, picture: Path) -> Iterator[Callable[[str], Encoder]]:
    """Put a channel of the shared station on the air until the test is over."""
    with ExitStack() as stack:

        def begin(slug: str, source: Path = picture) -> Encoder:
            url = on_air.publish_url(slug)
            return stack.enter_context(publish(source, url, loop=True))

        yield begin
