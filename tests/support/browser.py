"""Chromium driven by Playwright, with state of a player's page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",  # a container's root has no sandbox
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)

_RECORDER = """
(() => {
  const log = { waits: 0, frozen: 0, longest: 0, jumps: 0, breaks: [], latencies: [], from: null,
    to: null };
  window.playback = log;
  let last = null;
  let before = null;
  const sample = () => {
    const video = document.querySelector('video');
    const player = document.querySelector('[data-player]');
    if (!video || !player) return;
    const now = performance.now() / 1000;
    if (last === null) {
      // A player that looks for its place moves the clock, too: a picture moves it by little.
      const earlier = before;
      before = { position: video.currentTime, at: now };
      const step = earlier === null ? 0 : video.currentTime - earlier.position;
      if (video.paused || video.seeking || video.readyState < 3 || step <= 0) return;
      if (step > 2 * (now - earlier.at) + 0.2) return;
      log.from = now;
      video.addEventListener('waiting', () => {
        log.waits += 1;
        log.breaks.push(performance.now() / 1000 - log.from);
      });
    } else if (video.currentTime === last.position) {
      log.frozen = now - last.moved;
      log.longest = Math.max(log.longest, log.frozen);
    } else {
      const step = video.currentTime - last.position;
      if (step < 0 || step > 3 * (now - last.at) + 0.5) {
        log.jumps += 1;
        log.breaks.push(now - log.from);
      }
      log.frozen = 0;
    }
    const moved = last === null || video.currentTime !== last.position ? now : last.moved;
    last = { position: video.currentTime, at: now, moved };
    log.to = now;
    if (player.dataset.latency) log.latencies.push(Number(player.dataset.latency));
  };
  setInterval(sample, 100);
})();
"""
"""Script that records playback events in the page, where a busy test misses none."""

_PLAYER = """
() => {
  const video = document.querySelector('video');
  const { dataset } = document.querySelector('[data-player]');
  return { position: video.currentTime, width: video.videoWidth, height: video.videoHeight,
           paused: video.paused, ...dataset };
}
"""


@dataclass(frozen=True, slots=True)
class Playback:
    """Playback since the first moving picture. Times in seconds.

    `waits` counts the `waiting` events of the video, `longest` is the longest time without progress
    of its clock, `jumps` counts seeks. `breaks` are the times of waits and jumps.
    """

    lasted: float
    waits: int
    longest: float
    jumps: int
    breaks: tuple[float, ...]
    latencies: tuple[float, ...]


@dataclass(slots=True)
class Tab:
    """A page and its complaints: errors on the console, uncaught errors, violations of its content
    security policy, responses of 500 and above."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Complaints other than 503 of a playlist, which is normal without an encoder."""
        return [each for each in self.complaints if each.startswith(("uncaught", "policy"))]

    async def player(self) -> dict[str, Any]:
        """The video's `position`, size and `paused`, with the data-* attributes of the player."""
        found: dict[str, Any] = await self.page.evaluate(_PLAYER)
        return found

    async def until(self, expression: str, *, within: float = 45.0) -> None:
        """Wait until a JavaScript expression is true; `player` is the player's root in it, `video`
        the video."""
        script = (
            "() => { const player = document.querySelector('[data-player]');"
            " const video = document.querySelector('video');"
            f" return {expression}; }}"
        )
        await self.page.wait_for_function(script, timeout=within * 1000, polling=100)

    async def plays(self, *, within: float = 45.0) -> None:
        """Wait until the state is live and the video has advanced by a second."""
        await self.until("player.dataset.state === 'live' && video.readyState >= 3", within=within)
        position = (await self.player())["position"]
        await self.until(f"video.currentTime > {position + 1}", within=within)

    async def playback(self) -> Playback:
        """Return the playback so far."""
        log = await self.page.evaluate("() => window.playback")
        assert log["from"] is not None, "nothing was played"
        return Playback(
            log["to"] - log["from"],
            log["waits"],
            log["longest"],
            log["jumps"],
            tuple(log["breaks"]),
            tuple(log["latencies"]),
        )


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a headless browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_tab(
    browser: Browser, url: str, *, locale: str = "en-US", **options: Any
) -> AsyncIterator[Tab]:
    """Open `url` in a new browser context; `options` are Playwright's for a context."""
    context = await browser.new_context(locale=locale, **options)
    try:
        await context.add_init_script(_RECORDER)
        tab = await new_tab(context)
        await tab.page.goto(url, wait_until="domcontentloaded")
        yield tab
    finally:
        await context.close()


async def new_tab(context: BrowserContext) -> Tab:
    """Open another page in the same context."""
    page = await context.new_page()
    tab = Tab(page)

    def complain(what: str) -> None:
        tab.complaints.append(what)

    def read(message: ConsoleMessage) -> None:
        if message.type == "error":
            complain(f"console: {message.text} ({message.location.get('url')})")

    page.on("console", read)
    page.on("pageerror", lambda error: complain(f"uncaught: {error}"))
    page.on(
        "response",
        lambda reply: complain(f"{reply.status} {reply.url}") if reply.status >= 500 else None,
    )
    await page.expose_function("complain", complain)
    await page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => window.complain("
        "`policy: ${event.violatedDirective} ${event.blockedURI}`));"
    )
    return tab


async def settle(seconds: float) -> None:
    """Let real time pass, for tests about time."""
    await asyncio.sleep(seconds)
