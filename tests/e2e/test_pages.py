"""The studio and the other pages, as a person uses them in Chromium."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support import encoders
from tests.support.browser import Tab, new_tab, open_tab
from tests.support.encoders import Encoder, Recipe
from tests.support.rtmp_publisher import PublishRefused, RtmpPublisher
from tests.support.station import OWNER, PASSWORD, Station

Show = Callable[..., Encoder]

KEY = re.compile(r"[a-z2-7]{40}")


@asynccontextmanager
async def _signed_in(browser: Browser, station: Station, locale: str) -> AsyncIterator[Tab]:
    """The studio, after its sign-in form."""
    async with open_tab(browser, f"{station.http}/studio/", locale=locale) as tab:
        await tab.page.locator("input[name=login]").fill(OWNER)
        await tab.page.locator("input[name=password]").fill(PASSWORD)
        await tab.page.locator("main form button").click()
        await tab.page.wait_for_url("**/studio/")
        yield tab


async def _refused(station: Station, key: str) -> str:
    """The station's words to an encoder with this key."""
    with pytest.raises(PublishRefused) as refusal:
        async with RtmpPublisher("127.0.0.1", station.rtmp_port, name=key):
            pass
    return refusal.value.description


async def test_a_stream_key_is_shown_once_and_a_new_one_ends_the_old(
    on_air: Station, browser: Browser
) -> None:
    async with _signed_in(browser, on_air, "en-US") as tab:
        page = tab.page
        await page.locator("input[name=slug]").fill("newcomer")
        await page.locator("input[name=title]").fill("A first show")
        await page.get_by_role("button", name="Make the channel").click()
        first = await page.locator("#new-key").input_value()
        assert KEY.fullmatch(first)
        assert await page.locator("#publish-url").input_value() == on_air.rtmp

        await page.goto(f"{on_air.http}/studio/@newcomer")
        assert first not in await page.content()
        assert first[:8] in await page.content()

        await page.locator("[data-ask=rotate]").click()
        await page.get_by_role("button", name="Replace the key").click()
        second = await page.locator("#new-key").input_value()
        assert KEY.fullmatch(second)
        assert second != first
        assert not tab.complaints
    assert "was revoked" in await _refused(on_air, first)
    async with RtmpPublisher("127.0.0.1", on_air.rtmp_port, name=second):
        pass


async def test_a_new_key_ends_the_connection_that_was_made_with_the_old(
    on_air: Station, browser: Browser
) -> None:
    async with (
        RtmpPublisher("127.0.0.1", on_air.rtmp_port, name=on_air.keys["rotated"]) as publisher,
        _signed_in(browser, on_air, "en-US") as tab,
    ):
        await tab.page.goto(f"{on_air.http}/studio/@rotated")
        await tab.page.locator("[data-ask=rotate]").click()
        await tab.page.get_by_role("button", name="Replace the key").click()
        async with asyncio.timeout(10):
            words = await publisher.wait_closed()
        assert words is not None
        assert "key was replaced" in words.description
        # A browser that is closed in the middle of a navigation may never answer.
        await expect(tab.page.locator("#new-key")).to_be_visible()


async def test_a_title_edited_while_live_reaches_viewers_without_a_reload(
    on_air: Station, browser: Browser, show: Show
) -> None:
    show("renamed")
    async with (
        open_tab(browser, f"{on_air.http}/@renamed") as viewer,
        _signed_in(browser, on_air, "en-US") as studio,
    ):
        await viewer.plays()
        await viewer.page.evaluate("() => { window.sameDocument = true; }")
        await studio.page.goto(f"{on_air.http}/studio/@renamed")
        await studio.page.locator("#id_title").fill("The second act")
        await studio.page.locator("[data-details] button").click()
        await expect(studio.page.locator("[data-form-state]")).to_have_text("Saved")
        await expect(viewer.page.locator("[data-title]")).to_have_text(
            "The second act", timeout=12_000
        )
        assert (await viewer.page.title()).startswith("The second act")
        assert await viewer.page.evaluate("() => window.sameDocument")
        assert not viewer.complaints
        assert not studio.complaints


async def test_the_health_panel_moves_and_says_in_words_what_to_change(
    on_air: Station, browser: Browser, show: Show
) -> None:
    show("sparse", encoders.sample(Recipe(key_interval=10.0, length=60.0)))
    async with _signed_in(browser, on_air, "en-US") as tab:
        page = tab.page
        await page.goto(f"{on_air.http}/studio/@sparse")
        await expect(page.locator("[data-state-pill]")).to_have_text("On air", timeout=15_000)
        rate = page.locator("[data-reading=bitrate] dd")
        await expect(rate).to_have_text(re.compile(r"\d+ kbps|\d+\.\d Mbps"))
        await expect(page.locator("[data-reading=frame_rate] dd")).to_have_text(
            re.compile(r"^(29|30|31)(\.\d)? fps$"), timeout=20_000
        )
        before = await rate.inner_text()
        await expect(rate).not_to_have_text(before, timeout=10_000)

        advice = page.locator("[data-code=key_frames_far_apart]")
        await expect(advice).to_contain_text("Key frames are 10 s apart", timeout=25_000)
        await expect(advice).to_contain_text("Set the key-frame interval of the encoder to 2 s")
        await tab.plays()  # the preview, which shares the page with the readings
        assert not tab.complaints
    async with _signed_in(browser, on_air, "ko-KR") as tab:
        await tab.page.goto(f"{on_air.http}/studio/@sparse")
        advice = tab.page.locator("[data-code=key_frames_far_apart]")
        await expect(advice).to_contain_text("키프레임 간격", timeout=10_000)
        await expect(advice).to_contain_text("10초")
        assert not tab.complaints


async def test_every_page_speaks_the_browsers_language_and_the_chosen_one(
    on_air: Station, browser: Browser
) -> None:
    async with open_tab(browser, f"{on_air.http}/@desk", locale="ko-KR") as tab:
        page = tab.page
        await expect(page.locator("html")).to_have_attribute("lang", "ko")
        await expect(page.locator("[data-overlay-title]")).to_have_text("지금은 방송 중이 아닙니다")
        await page.locator(".language-switch button[value=en]").click()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        assert page.url.endswith("/@desk")
        await expect(page.locator("[data-overlay-title]")).to_have_text("Not on the air")
        await page.goto(f"{on_air.http}/")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        assert not tab.complaints


async def test_light_and_dark_follow_the_system_and_the_switch(
    on_air: Station, browser: Browser
) -> None:
    async with open_tab(browser, f"{on_air.http}/", color_scheme="dark") as tab:
        dark = await _background(tab.page)
        assert max(dark) < 80
        switch = tab.page.locator("[data-theme-switch]")
        await switch.click()
        light = await _background(tab.page)
        assert min(light) > 180
        await tab.page.reload()
        assert await _background(tab.page) == light
        await switch.click()
        assert await _background(tab.page) == dark
        assert not tab.complaints


async def test_no_page_complains_in_either_language_theme_or_size(
    on_air: Station, browser: Browser
) -> None:
    paths = ("/", "/@desk", "/embed/@desk", "/studio/", "/studio/@desk", "/api/docs", "/admin/")
    paths += ("/chat/@desk", "/overlay/@desk", "/studio/@desk/chat", "/studio/@desk/chat/log")
    for locale, scheme, width in (("en-US", "light", 1280), ("ko-KR", "dark", 360)):
        async with _signed_in(browser, on_air, locale) as tab:
            assert not tab.complaints
            for path in paths:
                fresh = await new_tab(tab.page.context)
                await fresh.page.set_viewport_size({"width": width, "height": 800})
                await fresh.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                reply = await fresh.page.goto(on_air.http + path, wait_until="load")
                assert reply is not None
                assert reply.status == 200, path
                wider = await fresh.page.evaluate(
                    "() => document.documentElement.scrollWidth - innerWidth"
                )
                assert wider <= 0 or not path.startswith(("/@", "/studio", "/embed", "/chat")), path
                assert not fresh.complaints, path
                await fresh.page.close()


async def test_a_page_that_does_not_exist_says_so_in_words(
    on_air: Station, browser: Browser
) -> None:
    async with open_tab(browser, f"{on_air.http}/@nobody-here") as tab:
        await expect(tab.page.locator("main h1")).to_be_visible()
        assert await tab.page.locator("main a[href='/']").count() >= 1


async def _background(page: Page) -> list[int]:
    text: str = await page.evaluate(
        "() => { const canvas = document.createElement('canvas').getContext('2d');"
        " canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;"
        " canvas.fillRect(0, 0, 1, 1);"
        " return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).join(); }"
    )
    return [int(part) for part in text.split(",")]
