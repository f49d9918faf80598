"""Connections that break, and a station that restarts."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, WebSocketRoute, expect

from tests.support.browser import new_tab
from tests.support.chat import MEMBER, SOON, ChatPage, open_chat
from tests.support.station import Station

pytestmark = pytest.mark.alone  # what one person does is on the others' pages within a second


async def test_a_page_whose_connection_broke_gets_what_it_missed_exactly_once(
    station: Station, browser: Browser
) -> None:
    path = "/@missed"
    async with (
        open_chat(browser, station, path, guest="minji") as minji,
        open_chat(browser, station, path, guest="river") as river,
    ):
        await minji.write("before")
        await river.sees("before")
        await river.loses_its_connection()
        await expect(river.chat).to_have_attribute("data-state", "offline")
        for n in range(5):
            await minji.write(f"while away {n}")
            await minji.sees(f"while away {n}")
        await river.arrives()
        await minji.write("after")
        await river.sees("after", within=5 * SOON)
        texts = await river.chat.locator(".chat-text").all_inner_texts()
        assert texts == ["before", *(f"while away {n}" for n in range(5)), "after"]
        assert not [each for each in river.tab.complaints if each.startswith("uncaught")]


async def test_a_network_that_blocks_websockets_is_named_and_read_through_the_api(
    station: Station, browser: Browser
) -> None:
    path = "/@blocked"
    blocked = True

    async def connect(wire: WebSocketRoute) -> None:
        if blocked:
            await wire.close()
        else:
            wire.connect_to_server()

    context = await browser.new_context(locale="en-US")
    async with open_chat(browser, station, path, guest="minji") as minji:
        await minji.write("before")
        await minji.sees("before")
        tab = await new_tab(context)
        await tab.page.route_web_socket("**/socket.io/**", connect)
        await tab.page.goto(f"{station.http}{path}", wait_until="domcontentloaded")
        reader = ChatPage(tab, [])
        banner = reader.chat.locator("[data-chat-banner-text]")
        await expect(banner).to_contain_text("does not let the chat connect", timeout=20_000)
        await reader.sees("before")
        await minji.write("meanwhile")
        await minji.sees("meanwhile")
        await reader.sees("meanwhile", within=10 * SOON)
        blocked = False
        await reader.chat.locator("[data-chat-retry]").click()
        await reader.arrives()
        await expect(banner).to_be_hidden()
        assert await reader.chat.locator(".chat-text").all_inner_texts() == ["before", "meanwhile"]
        await minji.write("after")
        await reader.sees("after", within=5 * SOON)
    await context.close()


async def test_a_message_that_did_not_get_through_can_be_sent_again(
    station: Station, browser: Browser
) -> None:
    path = "/@again"
    async with (
        open_chat(browser, station, path, guest="minji") as minji,
        open_chat(browser, station, path, guest="river") as river,
    ):
        await minji.write("before")
        await river.sees("before")
        await minji.loses_its_connection()
        await expect(minji.chat).to_have_attribute("data-state", "offline")
        await minji.write("into the dark")
        await expect(minji.row("into the dark")).to_have_attribute("data-state", "failed")
        await minji.arrives()
        await minji.row("into the dark").get_by_role("button", name="Send again").click()
        await river.sees("into the dark")
        await expect(minji.row("into the dark")).to_have_attribute("data-state", "sent")
        await minji.sees("into the dark")


async def test_a_page_whose_person_signs_out_beside_it_reads_on(
    station: Station, browser: Browser
) -> None:
    async with open_chat(browser, station, "/@again", account=MEMBER) as river:
        await expect(river.chat.locator("[data-chat-me]")).to_have_text(MEMBER[0])
        beside = await river.tab.page.context.new_page()
        await beside.goto(f"{station.http}/accounts/logout/")
        await beside.locator("main form button").click()
        await beside.wait_for_url(f"{station.http}/")
        await river.sees("You are not signed in any more.", within=5 * SOON)
        await river.arrives()
        await expect(river.chat.locator("[data-chat-sign-in] a")).to_be_visible()
        await expect(river.field).to_be_hidden()
        assert len(river.wires) == 2, "one connection was cut, and one made without an account"


async def test_pages_survive_a_restart_of_the_station_by_themselves(
    tmp_path: Path, browser: Browser
) -> None:
    station = Station(tmp_path / "data")
    station.open_channels("yard")
    await asyncio.to_thread(station.start)
    try:
        async with (
            open_chat(browser, station, "/@yard", guest="minji") as minji,
            open_chat(browser, station, "/@yard", guest="river") as river,
        ):
            await minji.write("before the restart")
            await river.sees("before the restart")
            await minji.tab.page.evaluate("() => { window.sameDocument = true; }")
            await asyncio.to_thread(station.stop)
            for page in (minji, river):
                await expect(page.chat).to_have_attribute(
                    "data-state", re.compile("offline|connecting"), timeout=5_000
                )
            await expect(minji.chat.locator("[data-chat-banner]")).to_be_visible()
            await asyncio.to_thread(station.start)
            await minji.arrives(within=20_000)
            await river.arrives(within=20_000)
            await river.write("after the restart")
            await minji.sees("after the restart", within=5 * SOON)
            await minji.sees("before the restart")
            assert await minji.tab.page.evaluate("() => window.sameDocument")
            faults = [each for page in (minji, river) for each in page.tab.faults]
            assert not faults
    finally:
        if station.runs:
            await asyncio.to_thread(station.stop)
