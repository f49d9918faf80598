"""Chat of a channel's page in browsers."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, Locator, WebSocketRoute, expect

from tests.support.browser import Tab, new_tab
from tests.support.station import OWNER, PASSWORD, Station

SOON = 1_000
"""Milliseconds within which an action is visible on all pages."""
ARRIVES = 10_000
"""Milliseconds until a page is connected, on a machine that is busy with other tests."""


MODERATOR = ("marshal", "quiet evenings only")
MEMBER = ("river", "under the bridge")
"""Accounts, each a name and a password."""


class Promptness:
    """Statistics of latencies. A busy machine may delay a page occasionally; most must take less
    than a second."""

    def __init__(self) -> None:
        self._took: list[float] = []

    async def of(self, seen: Awaitable[None]) -> None:
        """Measure the time of a wait."""
        began = time.monotonic()
        await seen
        self._took.append(time.monotonic() - began)

    def check(self) -> None:
        """Fail if too many were slow."""
        assert statistics.median(self._took) * 1000 < SOON, sorted(self._took)


@dataclass(frozen=True, slots=True)
class ChatPage:
    """A page with the chat, and the actions of its user."""

    tab: Tab
    wires: list[tuple[WebSocketRoute, WebSocketRoute]]
    """Both ends of each connection of the page: to the page, to the station."""

    @property
    def chat(self) -> Locator:
        """Locator of the panel."""
        return self.tab.page.locator("[data-chat]")

    @property
    def field(self) -> Locator:
        """Locator of the input field."""
        return self.chat.locator("[data-chat-field]")

    def row(self, text: str) -> Locator:
        """Locator of the rows with this text."""
        return self.chat.locator(".chat-row", has_text=text)

    async def arrives(self, *, within: int = ARRIVES) -> None:
        """Wait until the page is connected."""
        await expect(self.chat).to_have_attribute("data-state", "open", timeout=within)

    async def write(self, text: str) -> None:
        """Type a line and send it."""
        await self.field.fill(text)
        await self.field.press("Enter")

    async def sees(self, text: str, *, times: int = 1, within: int = SOON) -> None:
        """Wait until that many rows have this text."""
        await expect(self.row(text)).to_have_count(times, timeout=within)

    async def misses(self, text: str, *, within: int = SOON) -> None:
        """Wait until no row has this text."""
        await expect(self.row(text)).to_have_count(0, timeout=within)

    async def chooses(self, text: str, item: str) -> None:
        """Choose an entry of the menu of the message with this text."""
        await self.row(text).locator(".chat-name-button").click()
        await self.tab.page.get_by_role("menuitem", name=item, exact=True).click()

    async def undoes(self) -> None:
        """Click the undo link in the line after a moderation action."""
        await self.chat.locator("[data-chat-toast] button").click()

    async def says(self, words: str, *, within: int = SOON) -> None:
        """Wait until the line after an action has this text."""
        await expect(self.chat.locator("[data-chat-toast]")).to_contain_text(words, timeout=within)

    def receives(self, event: str, value: Any) -> None:
        """Inject an event on the page's connection, as if sent by the station."""
        self.wires[-1][0].send("42" + json.dumps([event, value]))

    async def loses_its_connection(self) -> None:
        """Cut the page's connection."""
        for end in self.wires[-1]:
            await end.close()


@asynccontextmanager
async def open_chat(
    browser: Browser,
    station: Station,
    path: str,
    *,
    guest: str = "",
    account: tuple[str, str] | None = None,
    locale: str = "en-US",
    **options: Any,
) -> AsyncIterator[ChatPage]:
    """Open `path` and connect: with a guest's name, with an account, or read-only."""
    context = await browser.new_context(locale=locale, **options)
    try:
        tab = await new_tab(context)
        wires: list[tuple[WebSocketRoute, WebSocketRoute]] = []

        def connect(wire: WebSocketRoute) -> None:
            # Messages are forwarded unless a handler is set.
            wires.append((wire, wire.connect_to_server()))

        await tab.page.route_web_socket("**/socket.io/**", connect)
        if account is not None:
            await tab.page.goto(f"{station.http}/accounts/login/?next={path}")
            await tab.page.locator("input[name=login]").fill(account[0])
            await tab.page.locator("input[name=password]").fill(account[1])
            await tab.page.locator("main form button").click()
            await tab.page.wait_for_url(f"**{path}")
        else:
            await tab.page.goto(f"{station.http}{path}", wait_until="domcontentloaded")
        page = ChatPage(tab, wires)
        await page.arrives()
        if guest:
            await page.chat.locator("[data-chat-name]").fill(guest)
            await page.chat.locator("[data-chat-name]").press("Enter")
            await expect(page.field).to_be_visible()
        yield page
    finally:
        await context.close()


@asynccontextmanager
async def open_three_chats(
    browser: Browser, station: Station, slug: str
) -> AsyncIterator[tuple[ChatPage, ChatPage, ChatPage]]:
    """Open a channel's page for two users and a moderator."""
    path = f"/@{slug}"
    async with (
        open_chat(browser, station, path, account=(OWNER, PASSWORD)) as owner,
        open_chat(browser, station, path, guest="minji") as minji,
        open_chat(browser, station, path, account=MEMBER, locale="ko-KR") as river,
    ):
        yield owner, minji, river
