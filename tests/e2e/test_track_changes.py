"""Pages and FLV readers that play on while media break, and while tracks come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from tests.e2e.conftest import FRAME_RATE
from tests.support import encoders
from tests.support.browser import Tab, open_tab
from tests.support.encoders import Recipe, publish
from tests.support.station import Station

pytestmark = pytest.mark.alone

MOST_STILL = 2.0
"""Seconds without a picture that moves."""

HEARD = "video.webkitAudioDecodedByteCount"

_NOTE_TEXTS = """
() => {
  window.texts = [];
  const overlay = document.querySelector('[data-overlay]');
  new MutationObserver(() => {
    if (!overlay.hidden) window.texts.push(overlay.innerText);
  }).observe(overlay, { attributes: true, childList: true, subtree: true });
}
"""

_BREAK_NEXT_PART = """
() => {
  const append = SourceBuffer.prototype.appendBuffer;
  SourceBuffer.prototype.appendBuffer = function (data) {
    SourceBuffer.prototype.appendBuffer = append;
    return append.call(this, new Uint8Array(data.byteLength).fill(255));
  };
}
"""


@asynccontextmanager
async def _watching(browser: Browser, station: Station, slug: str) -> AsyncIterator[list[Tab]]:
    """The page of a channel, and its player for other sites."""
    async with (
        open_tab(browser, f"{station.http}/@{slug}") as page,
        open_tab(browser, f"{station.http}/embed/@{slug}") as embedded,
    ):
        for tab in (page, embedded):
            await tab.plays()
            await tab.page.evaluate(_NOTE_TEXTS)
        yield [page, embedded]


async def _check(tab: Tab) -> None:
    """Check that the tab plays, and never said or showed that anything had happened."""
    await tab.plays()
    assert await tab.page.evaluate("() => window.texts") == []
    assert (await tab.playback()).longest < MOST_STILL
    assert not tab.faults


async def _read_flv(url: str, begun: asyncio.Event) -> None:
    """Read FLV until the station ends it in order."""
    async with (
        httpx.AsyncClient(trust_env=False, timeout=30) as client,
        client.stream("GET", url) as reply,
    ):
        async for _ in reply.aiter_raw():
            begun.set()


async def test_sound_comes_and_goes_while_pages_play_on(
    on_air: Station, browser: Browser, picture: Path
) -> None:
    url = on_air.publish_url("tracks")
    silent = encoders.sample(Recipe(sound=(), length=40.0, frame_rate=FRAME_RATE))
    with publish(silent, url, loop=True):
        async with _watching(browser, on_air, "tracks") as tabs:
            begun = asyncio.Event()
            reader = asyncio.create_task(_read_flv(f"{on_air.http}/live/tracks.flv", begun))
            await begun.wait()
            with publish(picture, url, loop=True):
                for tab in tabs:
                    await tab.until(f"{HEARD} > 20000")
                    await _check(tab)
                await asyncio.wait_for(reader, 10)
                # Another encoder: the first was displaced, and would be held off.
                with publish(silent, url, "-rtmp_flashver", "another/1.0", loop=True):
                    for tab in tabs:
                        await tab.until(f"{HEARD} === 0")
                        await _check(tab)


async def test_a_page_plays_on_after_a_part_that_cannot_be_decoded(
    on_air: Station, browser: Browser, picture: Path
) -> None:
    with publish(picture, on_air.publish_url("broken"), loop=True):
        async with open_tab(browser, f"{on_air.http}/@broken") as tab:
            await tab.plays()
            await tab.page.evaluate(_NOTE_TEXTS)
            for _ in range(2):
                await tab.page.evaluate(_BREAK_NEXT_PART)
                await tab.until("video.readyState < 3")
                await _check(tab)
