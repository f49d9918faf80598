"""A video goes on where somebody left it, in Chromium, without an account."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.support.browser import open_tab
from tests.support.station import Station, until


async def test_a_video_goes_on_where_it_was_left(
    on_air: Station, browser: Browser, picture: Path
) -> None:
    (made,) = on_air.command("video", "import", str(picture), "--channel", "manyen")["files"]
    video = made["video"]

    def ready() -> bool:
        return bool(on_air.command("video", "show", video)["state"] == "ready")

    await asyncio.to_thread(until, ready, "the video is ready", within=60)
    async with open_tab(browser, f"{on_air.http}/v/{video}") as tab:
        page = tab.page
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-playing", "")
        await expect(page.locator("[data-resumed]")).to_be_hidden()
        await player.locator("media-controller").press("5")
        await expect(player).to_have_attribute("data-place", _from(61))
        await page.goto(f"{on_air.http}/")
        card = page.locator("[data-continue] .card")
        await expect(card).to_have_count(1)
        await expect(card.locator(".card-watched")).to_be_visible()
        await card.get_by_role("link").click()
        await expect(page.locator("[data-resumed]")).to_contain_text("Goes on at 1:0")
        await expect(player).to_have_attribute("data-place", _from(60))
        await page.get_by_role("button", name="From the beginning").click()
        await expect(player).to_have_attribute("data-place", _below(20))
        await page.goto(f"{on_air.http}/v/{video}?t=30")
        await expect(page.locator("[data-resumed]")).to_be_hidden()
        await expect(player).to_have_attribute("data-place", _from(30))
        await page.evaluate(
            "left => localStorage.setItem('madang.videos.left', left)",
            json.dumps(
                [
                    {"id": video, "at": 50, "length": 120, "when": 1},
                    {"id": "Nothing111er", "at": 50, "length": 120, "when": 1},
                ]
            ),
        )
        await page.goto("about:blank")
        await page.goto(f"{on_air.http}/")
        await expect(card).to_have_count(1)
        await page.get_by_role("button", name="Forget").click()
        await expect(page.locator("[data-continue]")).to_be_hidden()
        assert await page.evaluate("localStorage.getItem('madang.videos.left')") is None


def _from(seconds: int) -> re.Pattern[str]:
    """Places from a second on, in a video of two minutes."""
    return re.compile(f"^({'|'.join(map(str, range(seconds, 121)))})[.]")


def _below(seconds: int) -> re.Pattern[str]:
    return re.compile(f"^({'|'.join(map(str, range(seconds)))})[.]")
