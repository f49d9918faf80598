"""The channel's page in Chromium: hls.js plays what ffmpeg publishes."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from tests.e2e.conftest import FRAME_RATE, GRACE
from tests.support import encoders
from tests.support.browser import Tab, open_tab, settle
from tests.support.encoders import Encoder, Recipe, publish
from tests.support.station import Station, free_ports

pytestmark = pytest.mark.alone

Show = Callable[..., Encoder]

LONG = 60.0
"""Seconds of playback without a stall."""
STILL = 0.5
"""Seconds for which a clock may stand still on a machine that decodes on its processor."""
MOST_LATENCY = 3.0
START = 1.0
"""Seconds from the first picture in which the player may still move to its place."""


@pytest.fixture(scope="module")
def long_run(
    on_air: Station, browser: Browser, runner: asyncio.Runner, picture: Path
) -> Iterator[Tab]:
    """A page that plays from before the first test of this file until after the last."""
    stack = AsyncExitStack()

    async def begin() -> Tab:
        stack.enter_context(publish(picture, on_air.publish_url("steady"), loop=True))
        return await stack.enter_async_context(open_tab(browser, f"{on_air.http}/@steady"))

    yield runner.run(begin())
    runner.run(stack.aclose())


async def test_the_page_plays_and_says_so(long_run: Tab) -> None:
    await long_run.plays()
    await long_run.until("player.dataset.latency !== ''")
    player = await long_run.player()
    assert player["state"] == "live"
    assert player["level"] == "180p"
    assert player["levels"] == "1"
    assert player["behind"] == "false"
    assert (player["width"], player["height"]) == (320, 180)
    assert 0 < float(player["latency"]) < MOST_LATENCY
    assert 0 < float(player["firstPicture"]) < 10_000
    assert await long_run.page.locator("[data-overlay]").is_hidden()
    assert await long_run.page.locator("[data-viewers]").is_visible()


async def test_the_waiting_page_goes_live_by_itself(
    on_air: Station, browser: Browser, show: Show, long_run: Tab
) -> None:
    async with open_tab(browser, f"{on_air.http}/@waiting") as tab:
        await tab.until("player.dataset.state === 'offline'")
        assert await tab.page.locator("[data-overlay-title]").inner_text() == "Not on the air"
        await tab.page.evaluate("() => { window.sameDocument = true; }")
        show("waiting")
        await tab.plays()
        assert await tab.page.evaluate("() => window.sameDocument")
        assert not tab.complaints


async def test_back_to_live_works_after_seeking_and_after_pausing(
    on_air: Station, browser: Browser, long_run: Tab
) -> None:
    async with open_tab(browser, f"{on_air.http}/@steady") as tab:
        await tab.plays()
        await tab.page.evaluate(
            "() => { const video = document.querySelector('video');"
            " video.currentTime = video.seekable.start(0) + 1; }"
        )
        live = tab.page.locator("[data-live-button]")
        await tab.until("player.dataset.behind === 'true'")
        assert "Back to live" in await live.inner_text()
        await live.click()
        await tab.until("player.dataset.behind === 'false'")
        await tab.plays()

        await tab.page.evaluate("() => document.querySelector('video').pause()")
        await tab.until("player.dataset.behind === 'true'", within=45)
        await live.click()
        await tab.until("player.dataset.behind === 'false' && !video.paused")
        await tab.plays()
        await tab.until(f"Number(player.dataset.latency) < {MOST_LATENCY}")


async def test_the_quality_menu_switches_while_the_picture_goes_on(
    on_air: Station, browser: Browser, show: Show, long_run: Tab
) -> None:
    show("quality", encoders.sample(Recipe(height=240, length=60.0, frame_rate=FRAME_RATE)))
    await _offers(f"{on_air.http}/live/quality/index.m3u8", "180p/media.m3u8")
    async with open_tab(browser, f"{on_air.http}/@quality") as tab:
        await tab.plays()
        await tab.until("player.dataset.levels === '2'")
        menu = tab.page.locator("[data-quality-menu] media-chrome-menu-item")
        for name, height in (("180p", 180), ("240p", 240)):
            await tab.page.locator("#quality-button").click()
            await menu.filter(has_text=name).last.click()
            await tab.until(
                f"player.dataset.level === '{name}' && video.videoHeight === {height}", within=25
            )
            await tab.plays()
        assert not tab.complaints


async def test_a_page_says_that_the_show_has_ended_and_takes_up_the_next(
    on_air: Station, browser: Browser, picture: Path, long_run: Tab
) -> None:
    async with open_tab(browser, f"{on_air.http}/@ending") as tab:
        with publish(picture, on_air.publish_url("ending")) as encoder:
            await tab.plays()
            encoder.finish()
        await tab.until("player.dataset.state === 'ended'", within=GRACE + 15)
        words = await tab.page.locator("[data-overlay-title]").inner_text()
        assert words == "This show has ended"
        with publish(picture, on_air.publish_url("ending")):
            await tab.plays(within=30)


async def test_the_player_plays_inside_a_page_of_another_origin(
    on_air: Station, browser: Browser, show: Show, tmp_path: Path, long_run: Tab
) -> None:
    show("framed")
    (tmp_path / "index.html").write_text(
        '<!doctype html><title>a blog</title><link rel="icon" href="data:,">'
        f'<iframe src="{on_air.http}/embed/@framed" width="640" height="360" '
        'allow="autoplay; fullscreen"></iframe>'
    )
    handler = partial(_Quiet, directory=str(tmp_path))
    (port,) = free_ports(1)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as blog:
        thread = threading.Thread(target=blog.serve_forever)
        thread.start()
        try:
            async with open_tab(browser, f"http://localhost:{port}/") as tab:
                element = await tab.page.wait_for_selector("iframe")
                assert element is not None
                frame = await element.content_frame()
                assert frame is not None
                await frame.wait_for_function(
                    "() => document.querySelector('[data-player]')?.dataset.state === 'live'"
                    " && document.querySelector('video').currentTime > 2",
                    timeout=25_000,
                )
                assert not tab.complaints
        finally:
            blog.shutdown()
            thread.join()


async def test_the_home_page_shows_who_is_on_with_a_picture(
    on_air: Station, browser: Browser, long_run: Tab
) -> None:
    async with open_tab(browser, f"{on_air.http}/") as tab:
        card = "[data-card][data-slug=steady]"
        await tab.page.wait_for_function(
            f"() => document.querySelector('{card} img')?.naturalWidth > 0", timeout=20_000
        )
        assert await tab.page.locator(f"{card} [data-card-viewers]").inner_text() != ""
        assert await tab.page.locator("[data-offline-slug=steady]").is_hidden()
        assert not tab.complaints


async def test_a_minute_passes_without_a_stall_close_to_the_event(long_run: Tab) -> None:
    await long_run.until(f"playback.to - playback.from > {LONG}", within=LONG + 15)
    playback = await long_run.playback()
    assert [at for at in playback.breaks if at > START] == [], "waits and jumps"
    assert playback.longest < STILL
    assert max(playback.latencies[50:]) < MOST_LATENCY
    assert not long_run.complaints


async def _offers(url: str, what: str) -> None:
    """Wait until the multivariant playlist has it: a rung comes a while after the source."""
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(30):
        while what not in (await client.get(url)).text:
            await settle(0.2)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
