"""Reading: ten thousand messages, and without a mouse or a screen."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Browser, expect

from tests.support.chat import SOON, open_chat
from tests.support.station import OWNER, PASSWORD, Station

pytestmark = pytest.mark.alone  # what one person does is on the others' pages within a second


_WATCH = """
() => {
  window.frames_ = [];
  let last = performance.now();
  const frame = () => {
    const now = performance.now();
    window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""
_PLACE = """
() => {
  const view = document.querySelector('[data-chat-view]');
  const top = view.getBoundingClientRect().top;
  const row = [...view.querySelectorAll('.chat-row')]
    .find((each) => each.getBoundingClientRect().bottom > top);
  return [row.dataset.key, Math.round(row.getBoundingClientRect().top - top)];
}
"""
MANY = 10_000
ROWS_DRAWN = 120
"""Rows in the document at once, whatever there is to read."""
FRAME = 50.0
"""Milliseconds of a frame, median: a third of what a person notices, on a machine that draws in
software."""


def _crowd(first: int, count: int) -> list[dict[str, object]]:
    return [
        {
            "id": f"x{n:08d}",
            "at": "2026-05-01T10:00:00Z",
            "name": f"person {n % 97}",
            "person": f"p{n % 97}",
            "role": "guest",
            "hue": n % 360,
            "text": f"message {n} " + "가나다라 " * (n % 17),
        }
        for n in range(first, first + count)
    ]


async def test_ten_thousand_messages_stay_smooth_and_keep_the_readers_place(
    station: Station, browser: Browser
) -> None:
    async with open_chat(browser, station, "/@many", guest="minji") as minji:
        page = minji.tab.page
        view = minji.chat.locator("[data-chat-view]")
        await page.evaluate(_WATCH)
        for first in range(0, MANY, 100):
            minji.receives("messages", _crowd(first, 100))
            await asyncio.sleep(0.02)
        await minji.sees(f"message {MANY - 1} ")
        assert await view.locator(".chat-row").count() < ROWS_DRAWN

        # At rest with everything there, and while the wheel turns.
        await page.evaluate("() => { window.frames_.length = 0; }")
        await view.hover()
        for _ in range(25):
            await page.mouse.wheel(0, -700)
            await asyncio.sleep(0.02)
        frames = sorted(await page.evaluate("() => window.frames_"))
        assert frames[len(frames) // 2] < FRAME
        assert await view.locator(".chat-row").count() < ROWS_DRAWN

        # The reader's place stays, whatever comes, and whatever older rows go for it.
        place = await page.evaluate(_PLACE)
        for first in range(MANY, MANY + 2_000, 100):
            minji.receives("messages", _crowd(first, 100))
        new = minji.chat.locator("[data-chat-new]")
        await expect(new).to_contain_text("2,000 new messages", timeout=5_000)
        assert await page.evaluate(_PLACE) == place
        minji.receives("clear", {"person": "p5"})
        await asyncio.sleep(0.1)
        key, offset = await page.evaluate(_PLACE)
        assert key == place[0] or int(key[1:]) == int(place[0][1:]) + 1
        assert abs(offset - place[1]) < 80

        await new.click()
        await minji.sees(f"message {MANY + 1_999} ")
        await expect(new).to_be_hidden()
        minji.receives("messages", _crowd(MANY + 2_000, 1))
        await minji.sees(f"message {MANY + 2_000} ")
        assert not minji.tab.complaints


async def test_the_chat_is_used_without_a_mouse_and_read_aloud(
    station: Station, browser: Browser
) -> None:
    async with (
        open_chat(browser, station, "/@keys", account=(OWNER, PASSWORD)) as owner,
        open_chat(browser, station, "/@keys", guest="minji") as minji,
    ):
        await minji.write("one")
        await minji.write("two")
        await owner.sees("two")
        announcer = owner.chat.locator("[data-chat-announcer]")
        await expect(announcer).to_have_text(re.compile("minji: (one|two)"), timeout=5_000)

        page = owner.tab.page
        log = owner.chat.get_by_role("log")
        await log.focus()
        await page.keyboard.press("ArrowDown")
        await expect(owner.row("two")).to_be_focused()
        await page.keyboard.press("ArrowUp")
        await expect(owner.row("one")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("menuitem", name="Answer", exact=True)).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(owner.row("one")).to_be_focused()
        await page.keyboard.press("r")
        await expect(owner.field).to_be_focused()
        await expect(owner.chat.locator("[data-chat-reply]")).to_contain_text("Answering minji")
        await page.keyboard.press("Escape")
        await expect(owner.chat.locator("[data-chat-reply]")).to_be_hidden()

        # Commands and names are completed.
        await page.keyboard.type("/ti")
        await expect(owner.chat.get_by_role("option")).to_have_count(1)
        await page.keyboard.press("Tab")
        await page.keyboard.type("@mi")
        await page.keyboard.press("Tab")
        await expect(owner.field).to_have_value("/timeout @minji ")
        await page.keyboard.type("1m")
        await page.keyboard.press("Enter")
        await expect(minji.chat.locator("[data-chat-wait]")).to_be_visible(timeout=SOON)

        # A player's key, pressed in the list, is not the player's.
        await log.focus()
        muted = await page.evaluate("() => document.querySelector('video').muted")
        await page.keyboard.press("ArrowUp")
        assert await page.evaluate("() => document.querySelector('video').muted") == muted
        assert not owner.tab.complaints
