"""Files sent by the studio's page in Chromium: paused, continued on another day, played."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, Locator, Page, Route, expect

from tests.support.browser import open_tab
from tests.support.media_files import media_file
from tests.support.station import OWNER, PASSWORD, Station

pytestmark = pytest.mark.alone

SLUG = "library"
CHUNK = 4_000_000


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    station = Station(tmp_path_factory.mktemp("uploads") / "data", UPLOADS__CHUNK_MB="4")
    station.open_channels(SLUG)
    with station.running():
        yield station


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that is three chunks long: most of it is padding after its last box."""
    path = tmp_path_factory.mktemp("film") / "축제.mp4"
    path.write_bytes(media_file("h264.mp4").read_bytes())
    size = 11_000_000 - path.stat().st_size
    with path.open("ab") as file:
        file.write(size.to_bytes(4, "big") + b"free")
        file.truncate(11_000_000)
    return path


@pytest.fixture
def lost(film: Path, tmp_path: Path) -> Path:
    """A copy that the test deletes."""
    return shutil.copy(film, tmp_path / "lost.mp4")


async def choose(page: Page, film: Path) -> Locator:
    """Choose a file, and return its row."""
    await page.locator("input[type=file]").set_input_files(film)
    return page.locator(".upload")


async def test_a_file_that_vanished_and_a_deletion_that_failed_are_told(
    station: Station, browser: Browser, lost: Path
) -> None:
    async def slowly(route: Route) -> None:
        if route.request.method == "PATCH" and int(route.request.headers["upload-offset"]):
            return
        await route.continue_()

    async def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            await route.fulfill(status=503)
        else:
            await route.continue_()

    async with open_tab(browser, f"{station.http}/studio/@{SLUG}/videos/upload") as tab:
        page = tab.page
        await page.fill("input[name=login]", OWNER)
        await page.fill("input[name=password]", PASSWORD)
        await page.press("input[name=password]", "Enter")
        await page.route("**/files/*", slowly)
        row = await choose(page, lost)
        state = row.locator("[data-upload-state]")
        await expect(state).to_contain_text("4 MB of 11 MB")
        await row.locator("[data-upload-pause]").click()
        await asyncio.to_thread(lost.unlink)
        await page.unroute("**/files/*")
        await page.route("**/files/*", refuse)
        await row.locator("[data-upload-resume]").click()
        await expect(state).to_contain_text("changed, moved or deleted")
        await row.locator("[data-upload-cancel]").click()
        await expect(state).to_contain_text("could not delete")
        await page.unroute("**/files/*")
        await row.locator("[data-upload-cancel]").click()
        await expect(row).to_have_count(0)
        await page.reload()
        await expect(page.locator("[data-unfinished]")).to_be_hidden()


async def test_a_file_goes_on_where_it_stopped_and_becomes_a_video(
    station: Station, browser: Browser, film: Path
) -> None:
    sizes: list[int] = []
    held: list[Route] = []

    async def slowly(route: Route) -> None:
        """Let the first chunk through, and hold the others."""
        if route.request.method == "PATCH":
            sizes.append(int(route.request.headers["upload-offset"]))
            if len(sizes) >= 2:
                held.append(route)
                return
        await route.continue_()

    async with open_tab(browser, f"{station.http}/studio/@{SLUG}/videos/upload") as tab:
        page = tab.page
        await page.fill("input[name=login]", OWNER)
        await page.fill("input[name=password]", PASSWORD)
        await page.press("input[name=password]", "Enter")
        await expect(page.locator("[data-drop]")).to_be_visible()
        await page.route("**/files/*", slowly)
        row = await choose(page, film)
        await expect(row.locator("[data-upload-title]")).to_have_value("축제")
        await expect(row.locator("[data-upload-state]")).to_contain_text("11 MB")
        while len(sizes) < 2:
            await page.wait_for_timeout(50)
        await row.locator("[data-upload-pause]").click()
        await expect(row.locator("[data-upload-state]")).to_contain_text("where it stopped")

        row = await choose(page, film)  # once more: the same row goes on
        await expect(row).to_have_count(1)
        while len(sizes) < 3:
            await page.wait_for_timeout(50)
        await row.locator("[data-upload-pause]").click()
        await expect(row.locator("[data-upload-state]")).to_contain_text("where it stopped")

        for route in held:  # otherwise the browser may send some of them once they are not held
            with contextlib.suppress(Error):
                await route.abort()
        await page.unroute("**/files/*")
        await page.reload()  # nobody is asked: nothing is being sent
        unfinished = page.locator("[data-unfinished]")
        await expect(unfinished).to_contain_text("축제.mp4")
        await expect(unfinished).to_contain_text("36% is here")
        refusals = [503, 401]  # the station restarts, and the session has ended meanwhile

        async def away(route: Route) -> None:
            if route.request.method == "HEAD" and refusals:
                await route.fulfill(status=refusals.pop(0))
            else:
                await route.continue_()

        await page.route("**/files/*", away)
        row = await choose(page, film)
        await expect(row.locator("[data-upload-sign-in]")).to_be_visible()
        await row.locator("[data-upload-title]").fill("축제의 밤")
        async with page.expect_request(lambda each: each.method == "PATCH") as patch:
            await row.locator("[data-upload-resume]").click()
        assert (await patch.value).headers["upload-offset"] == str(CHUNK)
        await expect(unfinished).to_be_hidden()
        await expect(row.locator("[data-upload-state]")).to_contain_text("Ready", timeout=60_000)
        await row.locator("[data-upload-video]").click()
        await expect(page.locator("input[name=title]")).to_have_value("축제의 밤")
        watch = page.url.replace(f"studio/@{SLUG}/videos", "v")

        async def older(route: Route) -> None:
            """Give the list as it was while the video was being prepared."""
            answer = await route.fetch()
            body = re.sub(r'data-version="[^"]*"', 'data-version="" data-busy', await answer.text())
            await route.fulfill(response=answer, body=body)

        await page.route(f"**/@{SLUG}/videos", older)
        await page.goto(f"{station.http}/studio/@{SLUG}/videos")
        await expect(page.locator('[data-video][data-version=""]')).to_have_count(1)
        await expect(page.locator('[data-video][data-version=""]')).to_have_count(0)
        await expect(page.locator("[data-video]")).to_contain_text("축제의 밤")
        await page.goto(watch)
        await tab.until("player.dataset.state === 'playing' && video.currentTime > 0.2")
        await storyboard(page)
        await replaced(page, page.url.rpartition("/")[2])
    assert [each for each in tab.faults if "503" not in each and "401" not in each] == []


async def replaced(page: Page, video: str) -> None:
    """Replace the file of a video, and wait until its playlist has the other file."""
    await page.goto(page.url.replace(f"/v/{video}", f"/studio/@{SLUG}/videos/{video}"))
    await page.get_by_role("link", name="Replace the file").click()
    await expect(page.locator("[data-upload-title]")).to_have_count(0)
    row = await choose(page, media_file("h264.mkv"))
    await expect(row.locator("[data-upload-title]")).to_be_hidden()
    await expect(row.locator("[data-upload-state]")).to_contain_text("It has arrived")
    await row.locator("[data-upload-video]").click()
    await expect(page.locator("input[name=title]")).to_have_value("축제의 밤")
    playlist = page.url.partition("/studio/")[0] + f"/vod/{video}/source/media.m3u8"
    for _ in range(120):
        if "\n2.mp4" in await (await page.request.get(playlist)).text():
            return
        await page.wait_for_timeout(500)
    raise AssertionError("the file was not replaced")


async def storyboard(page: Page) -> None:
    """Point at the seek bar until it has pictures, and at its middle."""
    player = page.locator("[data-player]")
    while await player.get_attribute("data-storyboard") is None:
        await page.wait_for_timeout(500)
        await page.reload()
    await expect(player).to_have_attribute("data-playing", "")
    await player.hover()
    await page.locator("[data-seek-bar] input").hover()
    picture = page.locator("[data-seek-picture]")
    await expect(picture).to_be_visible()
    sheet = await picture.evaluate("(each) => getComputedStyle(each).backgroundImage")
    assert sheet.endswith('/storyboard/1.jpg")')


async def test_refusals_are_told_in_words(station: Station, browser: Browser, film: Path) -> None:
    async def full(route: Route) -> None:
        await route.fulfill(status=507, headers={"Tus-Resumable": "1.0.0"}, body="{}")

    async with open_tab(
        browser, f"{station.http}/studio/@{SLUG}/videos/upload", locale="ko-KR"
    ) as tab:
        page = tab.page
        await page.fill("input[name=login]", OWNER)
        await page.fill("input[name=password]", PASSWORD)
        await page.press("input[name=password]", "Enter")
        await expect(page.locator("[data-drop]")).to_be_visible()
        await page.route("**/files/", full)
        row = await choose(page, film)
        await expect(row.locator("[data-upload-state]")).to_contain_text("자리가 없습니다")
        await page.unroute("**/files/")
        await row.locator("[data-upload-resume]").click()
        await expect(row.locator("[data-upload-video]")).to_be_visible(timeout=30_000)
        (entry,) = [each for each in tab.faults if "507" not in each] or [""]
        assert entry == ""
