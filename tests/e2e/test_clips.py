"""A clip is made in Chromium, of a show that is on and of a video, in both languages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import open_tab
from tests.support.encoders import Encoder
from tests.support.station import Station, until

WORDS = {
    "en-US": ("Clip", "Make the clip", "Watch it", "A clip of"),
    "ko-KR": ("클립", "만들기", "보기", "원본:"),
}


async def make(page: Page, locale: str, title: str) -> None:
    """Make a clip of what the page shows, by keyboard, and go to it."""
    clip, button, watch, source = WORDS[locale]
    await page.get_by_role("button", name=clip, exact=True).press("Enter")
    await page.locator("#clip-length").select_option("15")
    await page.locator("#clip-title").fill(title)
    await page.get_by_role("button", name=button, exact=True).press("Enter")
    await expect(page.locator("#clip-link")).to_have_value(re.compile(r"/v/\w{12}$"))
    await page.get_by_role("link", name=watch).press("Enter")
    await page.wait_for_url("**/v/*")
    await expect(page.locator("h1")).to_have_text(title)
    await expect(page.locator("[data-player]")).to_have_attribute("data-playing", "")
    await expect(page.locator(".watch-source")).to_contain_text(source)


@pytest.mark.parametrize("locale", WORDS)
async def test_a_clip_of_a_show_and_of_its_video(
    on_air: Station, browser: Browser, show: Callable[[str], Encoder], locale: str
) -> None:
    slug = {"en-US": "clipsen", "ko-KR": "clipsko"}[locale]
    on_air.command("channel", "set", slug, "--clips", "everybody")
    encoder = show(slug)
    async with open_tab(browser, f"{on_air.http}/@{slug}", locale=locale) as tab:
        page = tab.page
        await expect(page.locator("[data-player]")).to_have_attribute("data-playing", "")
        await expect(page.locator("[data-clip-open]")).to_be_visible()
        await make(page, locale, "Of the show")
        await page.locator(".watch-source a").click()
        await expect(page.locator("[data-player]")).to_have_attribute("data-playing", "")
        await page.goto("about:blank")
        encoder.finish()

        def kept() -> bool:
            videos = on_air.command("video", "list", "--channel", slug)
            return {each["state"] for each in videos} == {"ready"}

        await asyncio.to_thread(until, kept, "the show is kept", within=60)
        videos = on_air.command("video", "list", "--channel", slug)
        (kept_as,) = [each["id"] for each in videos if each["kind"] == "recording"]
        await page.goto(f"{on_air.http}/v/{kept_as}")
        await expect(page.locator("[data-player]")).to_have_attribute("data-playing", "")
        await page.locator("[data-player] media-controller").press("9")
        await make(page, locale, "Of the video")
        assert not tab.complaints
    videos = on_air.command("video", "list", "--channel", slug)
    assert sorted(each["kind"] for each in videos) == ["clip", "clip", "recording"]
