"""Going back in a show that is on, in Chromium, and the video that the show becomes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browser import open_tab
from tests.support.encoders import publish
from tests.support.station import Station

pytestmark = pytest.mark.alone

WINDOW = 6
"""Seconds of the live playlist: the shortest."""
AGE = 11
"""Seconds of a show whose beginning the live playlist has lost."""


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(
        tmp_path_factory.mktemp("rewind") / "data",
        LIVE__WINDOW=str(WINDOW),
        LIVE__GRACE="1",
        LIVE__LADDER="[]",
    )
    station.open_channels("past")
    with station.running():
        yield station


async def test_a_show_is_rewound_and_watched_to_its_end_and_again_as_a_video(
    station: Station, browser: Browser, picture: Path
) -> None:
    asked: list[str] = []

    with publish(picture, station.publish_url("past"), loop=True) as encoder:
        async with open_tab(browser, f"{station.http}/@past") as tab:
            page = tab.page
            page.on("request", lambda request: asked.append(request.url))
            bar = page.locator("[data-seek-bar] input")
            await tab.plays()
            await tab.until(
                f"document.querySelector('[data-seek-bar] input').max > {AGE}"
                " && player.dataset.behind === 'false'",
                within=40,
            )
            assert not [url for url in asked if "/vod/" in url], "only who goes back asks for it"

            await bar.focus()
            for _ in range(4):
                await page.keyboard.press("ArrowLeft")
            await tab.until("player.hasAttribute('data-rewound')")
            await tab.plays()
            assert (await tab.player())["position"] < AGE
            assert "Back to live" in await page.locator("[data-live-button]").inner_text()
            assert "behind live" in str(await bar.get_attribute("aria-valuetext"))

            await page.locator("[data-live-button]").click()
            await tab.until("!player.hasAttribute('data-rewound')")
            await tab.until("player.dataset.behind === 'false'")
            await tab.plays()

            await bar.focus()
            await page.keyboard.press("Home")
            await tab.until("player.hasAttribute('data-rewound') && video.currentTime < 5")
            await tab.plays()
            encoder.finish()
            await tab.until("player.hasAttribute('data-over')", within=20)
            for _ in range(4):
                await page.keyboard.press(">")
            await tab.until("video.playbackRate === 2")
            await tab.until("player.dataset.state === 'ended'", within=60)
            video = await page.locator("[data-again]").get_attribute("href")
            assert not tab.complaints

    async with open_tab(browser, f"{station.http}{video}?t=4") as tab:
        await tab.until("player.dataset.state === 'playing' && video.currentTime > 4.2")
        length = await tab.page.evaluate("() => document.querySelector('video').duration")
        assert length > AGE
        await tab.page.keyboard.press("ArrowRight")
        await tab.until("video.currentTime > 9")
        await tab.page.locator("#speed-button").click()
        await tab.page.locator("[data-speed-menu] media-chrome-menu-item").last.click()
        await tab.until("video.playbackRate === 2")
        await tab.until("video.ended", within=30)
        assert not tab.complaints
