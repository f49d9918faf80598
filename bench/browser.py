"""Chromium that watches a page and reads the clock from its picture."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Error, Page, sync_playwright

from bench.clock_publisher import layout
from bench.processes import BenchFailed

_FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]
_METER: Final = Path(__file__).resolve().parent / "pages" / "meter.js"
_PATIENCE: Final = 30.0
"""Seconds until a page must show a moving picture; classic HLS may take ten."""

_POLL: Final = 100.0
"""Milliseconds between polls of the meter, which keeps its own times."""

_SETTLE: Final = 10.0
"""Seconds for a player to reach its distance to the live edge."""


@dataclass(frozen=True, slots=True)
class Load:
    """One visit: milliseconds from the start of the navigation to the first presented frame, and to
    the first one with a later clock."""

    first_picture: float
    first_motion: float


@dataclass(frozen=True, slots=True)
class Sight:
    """One long visit: age of each frame in milliseconds when presented, number of frames with an
    unreadable clock, and number of stalls."""

    ages: list[float]
    rejected: int
    waits: int


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium, headless. Raises BenchFailed if it is missing."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise BenchFailed("Chromium is not installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def first_picture(browser: Browser, url: str) -> Load:
    """Visit `url` with an empty cache. Raises BenchFailed if nothing moves."""
    with _visit(browser, url) as page:
        meter = _meter(page)
        return Load(meter["firstPicture"], meter["firstMotion"])


def watch(browser: Browser, url: str, seconds: float) -> Sight:
    """Watch `url` for `seconds` once it has settled. Raises BenchFailed if nothing moves."""
    with _visit(browser, url) as page:
        page.wait_for_timeout(_SETTLE * 1000)
        before = _meter(page)
        page.wait_for_timeout(seconds * 1000)
        after = _meter(page)
    return Sight(
        ages=after["ages"][len(before["ages"]) :],
        rejected=after["rejected"] - before["rejected"],
        waits=after["waits"] - before["waits"],
    )


@contextlib.contextmanager
def _visit(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    try:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        script = _METER.read_text(encoding="utf-8")
        page.add_init_script(script.replace("__LAYOUT__", json.dumps(layout())))
        page.goto(url, wait_until="commit")
        # Not wait_for_function: refused by pages whose policy forbids eval.
        deadline = time.monotonic() + _PATIENCE
        while _meter(page)["firstMotion"] is None:
            if time.monotonic() > deadline:
                words = "; ".join(said[-5:]) or "it says nothing"
                raise BenchFailed(f"{url} shows no moving clock; its console: {words}")
            page.wait_for_timeout(_POLL)
        yield page
    except Error as error:
        raise BenchFailed(f"{url} cannot be watched: {error.message}") from None
    finally:
        context.close()


def _meter(page: Page) -> dict[str, Any]:
    meter: dict[str, Any] = page.evaluate("window.__meter")
    return meter
