"""Places of the chat: beside the player, below it, in a window, over a picture."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.support.chat import open_chat
from tests.support.station import OWNER, PASSWORD, Station

pytestmark = pytest.mark.alone  # what one person does is on the others' pages within a second


async def test_the_chat_goes_away_comes_back_and_stands_below_on_a_phone(
    station: Station, browser: Browser
) -> None:
    async with open_chat(browser, station, "/@place", guest="minji") as minji:
        page = minji.tab.page
        sizes = ((1000, 800), (2560, 1440), (740, 360), (768, 1024), (360, 740))
        for width, height in sizes:
            beside = width > height
            await page.set_viewport_size({"width": width, "height": height})
            chat = await minji.chat.bounding_box()
            player = await page.locator("[data-player]").bounding_box()
            assert chat is not None
            assert player is not None
            assert (chat["x"] >= player["x"] + player["width"]) is beside, width
            field = await minji.field.bounding_box()
            assert field is not None
            assert field["y"] + field["height"] <= height, width
            wider = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, width
        await page.evaluate("() => scrollTo(0, 300)")
        player = await page.locator("[data-player]").bounding_box()
        assert player is not None
        assert player["y"] >= 0  # the picture stays in sight

        await page.set_viewport_size({"width": 1280, "height": 800})
        await minji.chat.locator("[data-chat-collapse]").click()
        await expect(minji.chat).to_be_hidden()
        await page.reload()
        await expect(minji.chat).to_be_hidden()
        await page.get_by_role("button", name="Show the chat").click()
        await minji.arrives()
        await expect(minji.chat.locator("[data-chat-me]")).to_have_text("minji")


async def test_the_window_and_the_overlay_show_the_same_chat(
    station: Station, browser: Browser
) -> None:
    async with (
        open_chat(browser, station, "/chat/@second", account=(OWNER, PASSWORD)) as window,
        open_chat(browser, station, "/overlay/@second?size=30&stay=0") as overlay,
    ):
        await window.write("for the picture")
        await overlay.sees("for the picture")
        ground = await overlay.tab.page.evaluate(
            "() => [document.documentElement, document.body]"
            ".map((each) => getComputedStyle(each).backgroundColor)"
        )
        assert ground == ["rgba(0, 0, 0, 0)"] * 2
        await window.chooses("for the picture", "Delete the message")
        await overlay.misses("for the picture")
        assert not window.tab.complaints
        assert not overlay.tab.complaints
