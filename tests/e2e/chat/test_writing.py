"""Talking beside the player: messages, answers, mentions, reactions, emotes, names."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.async_api import Browser, expect

from tests.support.browser import new_tab
from tests.support.chat import ARRIVES, SOON, open_chat, open_three_chats
from tests.support.station import OWNER, PASSWORD, Station

pytestmark = pytest.mark.alone  # what one person does is on the others' pages within a second


async def test_what_one_writes_answers_and_feels_is_on_the_others_pages(
    station: Station, browser: Browser
) -> None:
    async with open_three_chats(browser, station, "talk") as (owner, minji, river):
        await minji.write("first of the open_three_chats")
        for page in (minji, owner, river):
            await page.sees("first of the open_three_chats")
        await expect(minji.row("first of the open_three_chats")).to_have_attribute("data-own", "")

        await river.row("first of the open_three_chats").hover()
        await river.row("first of the open_three_chats").locator(".chat-tools button").first.click()
        await river.write("안녕하세요")
        await expect(minji.row("안녕하세요").locator(".chat-quote")).to_contain_text(
            "first of the open_three_chats", timeout=SOON
        )
        await expect(minji.row("안녕하세요")).to_have_attribute("data-mentioned", "")

        await owner.write("welcome @river")
        await expect(river.row("welcome")).to_have_attribute("data-mentioned", "", timeout=SOON)
        assert await minji.row("welcome").get_attribute("data-mentioned") is None
        badge = river.row("welcome").locator(".chat-badge")
        await expect(badge).to_have_attribute("aria-label", "방송인")

        await minji.chat.locator(".chat-sign").first.click()
        await expect(river.chat.locator(".chat-tally")).to_contain_text("1", timeout=SOON)
        for page in (owner, minji, river):
            assert not page.tab.complaints


async def test_an_emote_that_is_uploaded_is_on_every_page_at_once(
    station: Station, browser: Browser
) -> None:
    async with (
        open_chat(browser, station, "/@emotes", account=(OWNER, PASSWORD)) as owner,
        open_chat(browser, station, "/@emotes", guest="minji") as minji,
    ):
        studio = await new_tab(owner.tab.page.context)
        await studio.page.goto(f"{station.http}/studio/@emotes/chat")
        form = studio.page.locator("#emotes form").last
        await form.locator("input[name=name]").fill("wave")
        await form.locator("input[type=file]").set_input_files(
            {"name": "wave.png", "mimeType": "image/png", "buffer": _picture()}
        )
        await form.get_by_role("button", name="Add the emote").click()
        shown = studio.page.locator("#emotes img")
        await expect(shown).to_have_js_property("naturalHeight", 112)

        await minji.field.press_sequentially(":wa")
        await expect(minji.chat.get_by_role("option")).to_have_text(":wave:", timeout=SOON)
        await minji.field.press("Tab")
        await minji.field.press("Enter")
        picture = owner.chat.locator(".chat-row .chat-emote")
        await expect(picture).to_have_attribute("alt", ":wave:", timeout=SOON)
        await expect(picture).to_have_js_property("naturalHeight", 112)
        assert not [*owner.tab.complaints, *minji.tab.complaints, *studio.complaints]


def _picture() -> bytes:
    """A PNG of a wave, more or less."""
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    return file.getvalue()


async def test_a_name_that_cannot_be_had_is_explained_where_it_is_given(
    station: Station, browser: Browser
) -> None:
    async with open_chat(browser, station, "/@names") as reader:
        name = reader.chat.locator("[data-chat-name]")
        await name.fill(OWNER)
        await name.press("Enter")
        error = reader.chat.locator("[data-chat-name-error]")
        await expect(error).to_have_text("Somebody here has this name. Choose another.")
        await name.fill("minji")
        await name.press("Enter")
        await expect(reader.field).to_be_focused()
        await reader.write("hello")
        await reader.sees("hello")

        # Remembered, and refused when the page comes back: it reads on, and asks again.
        await reader.tab.page.evaluate(f"() => localStorage.setItem('madang.chat.name', '{OWNER}')")
        await reader.tab.page.reload()
        await expect(error).to_have_text("Somebody here has this name. Choose another.")
        await reader.sees("hello", within=ARRIVES)
        assert not reader.tab.complaints
