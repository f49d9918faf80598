"""Several videos changed at once in the studio, in Chromium, by keyboard, and taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser import open_tab
from tests.support.media_files import media_file
from tests.support.station import OWNER, PASSWORD, Station

WORDS = {
    "en-US": ("All on this page", "Put into the bin", "2 videos are changed.", "Undo"),
    "ko-KR": ("이 페이지 모두", "휴지통에 넣기", "동영상 2개를 바꿨습니다.", "되돌리기"),
}


@pytest.mark.parametrize("locale", WORDS)
async def test_several_videos_are_deleted_and_come_back(
    on_air: Station, browser: Browser, tmp_path: Path, locale: str
) -> None:
    everything, into_bin, changed, undo = WORDS[locale]
    slug = {"en-US": "manyen", "ko-KR": "manyko"}[locale]
    for number in range(2):
        # The same file would make no second video.
        film = tmp_path / f"{slug} {number}.mp4"
        shutil.copyfile(media_file("h264.mp4"), film)
        with film.open("ab") as file:
            file.write(f"{slug}{number}".encode())
    on_air.command("video", "import", str(tmp_path), "--channel", slug)
    page_address = f"{on_air.http}/studio/@{slug}/videos"
    login = f"{on_air.http}/accounts/login/?next=/studio/@{slug}/videos"
    async with open_tab(browser, login, locale=locale) as tab:
        page = tab.page
        await page.locator("input[name=login]").fill(OWNER)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(page_address)
        rows = page.locator(".videos-chosen li")
        await expect(rows).to_have_count(2)
        apply = page.locator("#video-bulk button")
        await expect(apply).to_be_disabled()
        await page.get_by_label(everything).press("Space")
        await expect(apply).to_contain_text("(2)")
        await rows.first.locator(".video-choose").press("Space")
        await expect(apply).to_contain_text("(1)")
        await rows.first.locator(".video-choose").press("Space")
        await page.locator("#video-bulk select").select_option(label=into_bin)
        await apply.press("Enter")
        await expect(page.get_by_text(changed)).to_be_visible()
        await expect(rows).to_have_count(0)
        await page.get_by_role("button", name=undo).press("Enter")
        await expect(rows).to_have_count(2)
        assert not tab.complaints
