"""The planner in Chromium: sliders move the answer, and the answer is the command's."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import Tab, open_tab
from tests.support.station import Station


async def slide(page: Page, name: str, value: float) -> None:
    """Put a slider where a person would drag it."""
    await page.locator(f"[data-range={name}]").evaluate(
        "(range, value) => { range.value = value;"
        " range.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


async def answered(tab: Tab, name: str, value: str) -> None:
    """Wait until the page shows the answer to what it asks."""
    await tab.page.wait_for_function(
        "([name, value]) => new URLSearchParams("
        "document.querySelector('[data-plan]').dataset.answered).get(name) === value",
        arg=[name, value],
    )


async def command(station: Station, *options: str) -> Any:
    return await asyncio.to_thread(station.command, "plan", *options)


@pytest.mark.parametrize(
    ("locale", "language", "verdict"),
    [("en-US", "en", "Not enough transfer"), ("ko-KR", "ko", "전송량이 부족합니다")],
)
async def test_sliders_move_the_answer_which_is_the_commands(
    on_air: Station, browser: Browser, locale: str, language: str, verdict: str
) -> None:
    async with open_tab(browser, f"{on_air.http}/plan/?currency=usd", locale=locale) as tab:
        page = tab.page
        await expect(page.locator("[data-words=verdict]")).to_contain_text(verdict)
        await slide(page, "viewers", 60)
        await slide(page, "hours", 40)
        await slide(page, "peers", 50)
        await page.locator("#plan-profile").select_option("weekend")
        await page.locator(".shape", has_text="minimal").click()
        await answered(tab, "shape", "minimal")

        told = await command(
            on_air,
            *("--viewers", "60", "--hours", "40", "--peers", "0.5", "--profile", "weekend"),
            *("--shape", "minimal", "--language", language),
        )
        assert told["demand"]["chat"] == 120
        for key in ("whole_cost", "hours_at_demand", "live_viewers", "viewer_hour_cost", "profit"):
            shown = page.locator(f"[data-value={key}]").first
            await expect(shown).to_have_text(told["words"]["values"][key])
        await expect(page.locator("[data-words=verdict]")).to_have_text(told["words"]["verdict"])
        await expect(page.locator("[data-words=first_limit]")).to_have_text(
            told["words"]["first_limit"]
        )
        said = await page.locator("[data-advice] li > p").all_inner_texts()
        assert said == [item["words"] for item in told["advice"]]
        assert await page.locator("#plan-chat").input_value() == "120", "chat follows the viewers"
        assert await page.locator("[data-chart] canvas").count() == 4

        # The address is the plan: opened elsewhere, it shows the same.
        asked = parse_qs(urlsplit(page.url).query)
        assert asked["viewers"] == ["60"]
        before = await page.locator("[data-value=whole_cost]").first.inner_text()
        await page.reload()
        await expect(page.locator("[data-value=whole_cost]").first).to_have_text(before)
        assert await page.locator("#plan-viewers").input_value() == "60"
        assert not tab.complaints


async def test_advice_can_be_tried_and_figures_explain_themselves(
    on_air: Station, browser: Browser
) -> None:
    async with open_tab(browser, f"{on_air.http}/plan/") as tab:
        page = tab.page
        await expect(page.locator("[data-advice] li").first).to_contain_text("4,444 viewer-hours")
        await page.locator("[data-why-key=hours_at_demand]").click()
        await expect(page.locator("[data-why-lines]")).to_contain_text("8.9 h = 4,444")
        await page.keyboard.press("Escape")
        await page.locator("[data-advice] li").nth(1).get_by_role("button").click()
        await answered(tab, "ladder", "adaptive")
        told = await command(on_air, "--ladder", "adaptive", "--language", "en")
        await expect(page.locator("[data-value=whole_cost]").first).to_have_text(
            told["words"]["values"]["whole_cost"]
        )
        await page.get_by_text("Won", exact=True).click()
        won = await command(on_air, "--ladder", "adaptive", "--language", "en", "--currency", "krw")
        await expect(page.locator("[data-value=whole_cost]").first).to_have_text(
            won["words"]["values"]["whole_cost"]
        )
        await page.locator("#plan-viewers").fill("-4")
        await expect(page.locator("[data-plan-error]")).to_contain_text("expected a whole number")
        await page.locator("[data-reset]").click()
        await expect(page.locator("[data-plan-error]")).to_be_hidden()
        assert await page.locator("#plan-viewers").input_value() == "500"
        # The browser itself notes that the absurd question was answered with 422.
        assert [each for each in tab.complaints if "422" not in each] == []


@pytest.mark.parametrize("width", [360, 1280, 2560])
async def test_it_fits_every_screen_and_paper(
    on_air: Station, browser: Browser, width: int
) -> None:
    scheme = "dark" if width == 1280 else "light"
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    async with open_tab(browser, f"{on_air.http}/plan/", locale="ko-KR", **options) as tab:
        page = tab.page
        await expect(page.locator("[data-chart=profit] canvas")).to_be_visible()
        wider = "() => document.documentElement.scrollWidth - innerWidth"
        assert await page.evaluate(wider) <= 0
        await page.emulate_media(media="print")
        await expect(page.locator(".site-header")).to_be_hidden()
        await expect(page.locator("[data-words=verdict]")).to_be_visible()
        assert not tab.complaints


@pytest.mark.alone
async def test_the_page_follows_a_slider_within_a_tenth_of_a_second(
    on_air: Station, browser: Browser
) -> None:
    async with open_tab(browser, f"{on_air.http}/plan/") as tab:
        await expect(tab.page.locator("[data-chart=profit] canvas")).to_be_visible()
        took = await tab.page.evaluate(
            """async () => {
              const page = document.querySelector('[data-plan]');
              const range = document.querySelector('[data-range=viewers]');
              const times = [];
              for (let viewers = 110; viewers <= 200; viewers += 10) {
                const drawn = new Promise((resolve) => {
                  const observer = new MutationObserver(() => {
                    if (!page.dataset.answered.includes(`viewers=${viewers}`)) return;
                    observer.disconnect();
                    requestAnimationFrame(() => resolve(performance.now()));
                  });
                  observer.observe(page, { attributeFilter: ['data-answered'] });
                });
                const began = performance.now();
                range.value = viewers;
                range.dispatchEvent(new Event('input', { bubbles: true }));
                times.push((await drawn) - began);
                await new Promise((resolve) => setTimeout(resolve, 100));
              }
              return times;
            }"""
        )
        # Encoders, shows and a browser share the two cores here: the quietest of the moments
        # counts. What an answer takes of a core is held to in tests/apps/planner.
        assert min(took) < 100, json.dumps(took)


async def test_a_slider_that_is_dragged_is_followed_before_it_rests(
    on_air: Station, browser: Browser
) -> None:
    async with open_tab(browser, f"{on_air.http}/plan/") as tab:
        page = tab.page
        await expect(page.locator("[data-chart=profit] canvas")).to_be_visible()
        seen = await page.evaluate(
            """async () => {
              const page = document.querySelector('[data-plan]');
              const range = document.querySelector('[data-range=viewers]');
              const seen = new Set();
              for (let viewers = 10; viewers <= 1000; viewers += 10) {
                range.value = viewers;
                range.dispatchEvent(new Event('input', { bubbles: true }));
                await new Promise((resolve) => setTimeout(resolve, 20));
                seen.add(page.dataset.answered);
              }
              return seen.size;
            }"""
        )
        assert seen > 3
        await answered(tab, "viewers", "1000")
        assert not tab.complaints
