"""The search field, as somebody types Korean into it in Chromium."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from tests.support.browser import open_tab
from tests.support.station import Station


async def test_a_word_that_is_composed_letter_by_letter_is_searched_once_whole(
    on_air: Station, browser: Browser
) -> None:
    async with open_tab(browser, f"{on_air.http}/", locale="ko-KR") as tab:
        page = tab.page
        keyboard = await page.context.new_cdp_session(page)
        field = page.locator("header input[name=q]")
        await field.click()
        for composed in ("ㅁ", "마", "맏", "마다", "마당"):
            await keyboard.send(
                "Input.imeSetComposition",
                {"text": composed, "selectionStart": len(composed), "selectionEnd": len(composed)},
            )
            await expect(field).to_have_value(composed)
            assert page.url == f"{on_air.http}/"
        await keyboard.send("Input.insertText", {"text": "마당"})
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/search?q=%EB%A7%88%EB%8B%B9")
        await expect(page.locator("main input[name=q]")).to_have_value("마당")
        await expect(
            page.get_by_role("heading", name="‘마당’에 대한 결과가 없습니다")
        ).to_be_visible()
        assert not tab.complaints
