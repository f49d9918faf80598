"""The chat of a show beside its video, in Chromium: in time with the picture, without what was
deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.support.browser import open_tab
from tests.support.chat import open_chat
from tests.support.encoders import publish
from tests.support.station import OWNER, PASSWORD, Station

pytestmark = pytest.mark.alone

SLUG = "past"
LATE = 4
"""Seconds between two messages."""


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(
        tmp_path_factory.mktemp("replay") / "data", LIVE__GRACE="1", LIVE__LADDER="[]"
    )
    station.open_channels(SLUG)
    with station.running():
        yield station


async def place_of(row: Locator) -> float:
    """Return the position of a message, as its time says (seconds)."""
    return float(str(await row.locator("[data-at]").get_attribute("data-at")))


async def test_messages_come_with_the_picture_and_deleted_ones_never(
    station: Station, browser: Browser, picture: Path
) -> None:
    async with open_chat(browser, station, f"/@{SLUG}", account=(OWNER, PASSWORD)) as live:
        with publish(picture, station.publish_url(SLUG), loop=True) as encoder:
            await live.tab.plays()
            await live.write("the drums begin")
            await live.write("nobody may read this")
            await live.chooses("nobody may read this", "Delete the message")
            await live.misses("nobody may read this")
            await live.tab.page.wait_for_timeout(LATE * 1000)
            await live.write("what a sound")
            await live.sees("what a sound")
            await live.tab.page.wait_for_timeout(1500)
            encoder.finish()
        again = live.tab.page.locator("[data-again]")
        await expect(again).to_be_visible(timeout=20_000)
        path = str(await again.get_attribute("href"))

        async with open_tab(browser, f"{station.http}{path}") as tab:
            page = tab.page
            chat = page.locator("[data-replay]")
            rows = chat.locator(".chat-row")
            first, second = (rows.filter(has_text=words) for words in ("drums", "sound"))
            await tab.until("player.dataset.state === 'playing'")
            await page.evaluate("() => { document.querySelector('video').currentTime = 0; }")
            await expect(rows).to_have_count(0)
            await expect(first).to_be_visible(timeout=20_000)
            assert await place_of(first) <= (await tab.player())["position"]
            await expect(second).to_have_count(0)
            await expect(second).to_be_visible(timeout=20_000)
            at = await place_of(first), await place_of(second)
            assert at[1] <= (await tab.player())["position"]
            assert LATE <= at[1] - at[0] < LATE + 5
            await expect(rows).to_have_count(2)

            await first.locator("[data-at]").click()
            await tab.until(f"Math.abs(video.currentTime - {at[0]}) < 3")
            await expect(second).to_have_count(0)
            await expect(first).to_be_visible()
            await chat.locator("[data-chat-view]").focus()
            await page.keyboard.press("ArrowDown")
            await expect(first).to_be_focused()

            await live.chooses("the drums begin", "Delete the message")
            await live.misses("the drums begin")
            await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
            await expect(first).to_have_count(0)
            await chat.locator("[data-chat-collapse]").click()
            await expect(chat).to_be_hidden()
            assert not tab.complaints
