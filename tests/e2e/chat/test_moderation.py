"""Acts of a moderator, as every page shows them."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from tests.support.chat import ARRIVES, MODERATOR, SOON, Promptness, open_chat, open_three_chats
from tests.support.station import OWNER, PASSWORD, Station

pytestmark = pytest.mark.alone  # what one person does is on the others' pages within a second


async def test_what_a_moderator_does_is_done_on_every_page(
    station: Station, browser: Browser
) -> None:
    path = "/@order"
    async with (
        open_three_chats(browser, station, "order") as (owner, minji, river),
        open_chat(browser, station, path, account=MODERATOR) as marshal,
    ):
        await minji.write("a kind word")
        await river.write("an unkind word")
        await marshal.sees("an unkind word")
        await owner.write(f"/mod {MODERATOR[0]}")
        await expect(marshal.chat).to_have_attribute("data-moderates", "", timeout=SOON)

        # Delete, and take it back.
        await marshal.chooses("an unkind word", "Delete the message")
        for page in (owner, minji, river):
            await page.misses("an unkind word")
        await marshal.undoes()
        for page in (owner, minji, river):
            await page.sees("an unkind word")

        # Pin.
        await marshal.chooses("a kind word", "Pin")
        for page in (owner, minji, river):
            await expect(page.chat.locator("[data-chat-pinned]")).to_contain_text(
                "a kind word", timeout=SOON
            )
        await marshal.chat.locator("[data-chat-pinned] button").click()
        await expect(minji.chat.locator("[data-chat-pinned]")).to_be_hidden(timeout=SOON)

        # Time out: gone from every page, and silent.
        await marshal.chooses("an unkind word", "Time out river: 10 min")
        for page in (owner, minji, river):
            await page.misses("an unkind word")
        await expect(river.chat.locator("[data-chat-banner]")).to_contain_text(
            "후에 다시 채팅할 수 있습니다", timeout=SOON
        )
        await marshal.undoes()
        await expect(river.chat.locator("[data-chat-banner]")).to_be_hidden(timeout=SOON)
        await river.write("sorry about that")
        await minji.sees("sorry about that")

        # Ban by command; it holds when the page comes back.
        await marshal.write("/ban river")
        await minji.misses("sorry about that")
        await river.tab.page.reload()
        await expect(river.chat.locator("[data-chat-banner]")).to_contain_text(
            "차단되었습니다", timeout=ARRIVES
        )
        assert not marshal.tab.complaints
        assert not minji.tab.complaints


async def test_the_rules_a_moderator_sets_stand_on_every_page(
    station: Station, browser: Browser
) -> None:
    prompt = Promptness()
    async with open_three_chats(browser, station, "rules") as (owner, minji, river):
        mode = minji.chat.locator("[data-chat-mode]")
        await owner.write("/slow 30s")
        words = "Slow: one message in 30 s"
        await prompt.of(expect(mode).to_contain_text(words, timeout=ARRIVES))
        await expect(river.chat.locator("[data-chat-mode]")).to_contain_text("저속 모드: 30초")
        await minji.write("once")
        await prompt.of(river.sees("once", within=ARRIVES))
        wait = minji.chat.locator("[data-chat-wait]")
        await expect(wait).to_contain_text(re.compile(r"Write again in \d+ s"))
        await expect(minji.chat.locator("[data-chat-send]")).to_be_disabled()
        await owner.write("/slow off")
        await prompt.of(expect(mode).to_be_hidden(timeout=ARRIVES))
        # The page counts down twice a second: until then its button sends nothing.
        await expect(wait).to_be_hidden()

        await owner.write("/emoteonly")
        await prompt.of(expect(mode).to_contain_text("Emotes only", timeout=ARRIVES))
        await minji.write("only words")
        failed = minji.row("only words")
        await expect(failed).to_have_attribute("data-state", "failed")
        await expect(failed).to_contain_text("Only emotes and emoji may be sent now.")
        await owner.write("/emoteonly off")
        await prompt.of(expect(mode).to_be_hidden(timeout=ARRIVES))
        await failed.get_by_role("button", name="Send again").click()
        await prompt.of(river.sees("only words", within=ARRIVES))

        await owner.write("/links off")
        await prompt.of(owner.says("/links off", within=ARRIVES))
        await minji.write("https://example.org/x")
        link = minji.row("example.org")
        await prompt.of(
            expect(link).to_contain_text("Links are not allowed here.", timeout=ARRIVES)
        )
        await owner.write("/links all")
        await prompt.of(owner.says("/links all", within=ARRIVES))
        await link.get_by_role("button", name="Send again").click()
        shown = river.row("example.org").locator("a")
        await prompt.of(
            expect(shown).to_have_attribute("rel", "noopener nofollow ugc", timeout=ARRIVES)
        )

        await owner.write("/members")
        banner = minji.chat.locator("[data-chat-banner]")
        await prompt.of(
            expect(banner).to_contain_text("Only members may write now.", timeout=ARRIVES)
        )
        await expect(minji.field).to_be_hidden()
        await owner.write("/members off")
        await prompt.of(expect(minji.field).to_be_visible(timeout=ARRIVES))

        await owner.write("/guests off")
        sign_in = minji.chat.locator("[data-chat-sign-in]")
        await prompt.of(expect(sign_in).to_be_visible(timeout=ARRIVES))
        await owner.write("/guests")
        await prompt.of(expect(minji.field).to_be_visible(timeout=ARRIVES))

        await owner.write("/clear")
        for page in (owner, minji, river):
            await prompt.of(page.misses("once", within=ARRIVES))
        await owner.write("/nonsense")
        await prompt.of(owner.sees("There is no command /nonsense", within=ARRIVES))
        for page in (owner, minji, river):
            assert not page.tab.complaints
    prompt.check()


async def test_the_menus_do_what_the_commands_do(station: Station, browser: Browser) -> None:
    prompt = Promptness()
    async with open_three_chats(browser, station, "menus") as (owner, minji, river):
        await river.write("as a member")
        await prompt.of(owner.sees("as a member", within=ARRIVES))
        await owner.chooses("as a member", "Make a moderator")
        await prompt.of(expect(river.chat).to_have_attribute("data-moderates", "", timeout=ARRIVES))
        await river.chat.locator("[data-chat-rules]").click()
        rule = "링크를 보낼 수 있는 사람: 금지"
        await river.tab.page.get_by_role("menuitem", name=rule, exact=True).click()
        await prompt.of(river.says("규칙을 바꿨습니다.", within=ARRIVES))
        await minji.write("https://example.org/y")
        refused = minji.row("example.org")
        await prompt.of(
            expect(refused).to_contain_text("Links are not allowed here.", timeout=ARRIVES)
        )
        await river.undoes()
        await prompt.of(river.says("되돌렸습니다.", within=ARRIVES))
        await refused.get_by_role("button", name="Send again").click()
        await prompt.of(owner.sees("example.org", within=ARRIVES))

        await river.write("as a moderator")
        await prompt.of(owner.sees("as a moderator", within=ARRIVES))
        await owner.chooses("as a moderator", "Remove from the moderators")
        await prompt.of(
            expect(river.chat).not_to_have_attribute("data-moderates", "", timeout=ARRIVES)
        )
        for page in (owner, minji, river):
            assert not page.tab.complaints
    prompt.check()


async def test_a_ban_and_a_time_out_are_lifted_in_the_menus(
    station: Station, browser: Browser
) -> None:
    prompt = Promptness()
    async with open_three_chats(browser, station, "lifting") as (owner, minji, river):
        await owner.write("/mod river")
        await prompt.of(expect(river.chat).to_have_attribute("data-moderates", "", timeout=ARRIVES))
        await minji.write("too loud")
        await prompt.of(owner.sees("too loud", within=ARRIVES))
        await owner.chooses("too loud", "Time out minji: 10 min")
        wait = minji.chat.locator("[data-chat-wait]")
        await prompt.of(expect(wait).to_be_visible(timeout=ARRIVES))

        # The messages are gone; the line that says so leads to the menu, without a mouse as well.
        told = "minji 님을 10분 동안 채팅 금지했습니다."
        await prompt.of(river.sees(told, within=ARRIVES))
        await owner.sees("timed out minji: 10 min.")
        await river.chat.get_by_role("log").focus()
        keys = river.tab.page.keyboard
        await keys.press("End")
        await expect(river.row(told)).to_be_focused()
        await keys.press("Enter")
        lift = river.tab.page.get_by_role("menuitem", name="채팅 금지 풀기", exact=True)
        await expect(lift).to_be_focused()
        await keys.press("Enter")
        await prompt.of(expect(wait).to_be_hidden(timeout=ARRIVES))
        await minji.write("quieter")
        await prompt.of(owner.sees("quieter", within=ARRIVES))

        # A moderator who comes later knows as well who is banned.
        await owner.chooses("quieter", "Ban")
        banner = minji.chat.locator("[data-chat-banner]")
        await prompt.of(expect(banner).to_contain_text("You are banned", timeout=ARRIVES))
        await owner.tab.page.reload()
        await owner.arrives()
        await owner.chat.locator("[data-chat-rules]").click()
        menu = owner.tab.page.get_by_role("menuitem")
        await menu.filter(has_text="Banned and timed out: 1").click()
        await menu.filter(has_text="Lift the ban: minji").click()
        await owner.says("minji may come in again.", within=ARRIVES)
        await minji.tab.page.reload()
        await minji.arrives()
        await minji.write("back again")
        await prompt.of(river.sees("back again", within=ARRIVES))
        await owner.row("back again").locator(".chat-name-button").click()
        await expect(menu.filter(has_text="Lift the ban")).to_have_count(0)
        for page in (owner, river):
            assert not page.tab.complaints
    prompt.check()


async def test_the_ban_of_an_address_says_first_whom_else_it_hits(
    station: Station, browser: Browser
) -> None:
    path = "/@addresses"
    async with (
        open_chat(browser, station, path, account=(OWNER, PASSWORD)) as owner,
        open_chat(browser, station, path, guest="minji") as minji,
        open_chat(browser, station, path, guest="river") as river,
    ):
        for page, words in ((minji, "noise"), (river, "a word")):
            await page.write(words)
            await owner.sees(words)
        # A ban is of one browser.
        await owner.chooses("noise", "Ban")
        await expect(minji.chat).to_have_attribute("data-state", "refused", timeout=ARRIVES)
        await river.write("still here")
        await owner.sees("still here")
        await owner.undoes()
        await owner.sees("noise")

        await expect(owner.chat.locator("[data-chat-people]")).to_have_text("2 here")
        await owner.chooses("noise", "Ban the address …")
        menu = owner.tab.page.get_by_role("menu", name="1 more who are here now")
        await menu.get_by_role("menuitem", name="Ban the address of minji", exact=True).click()
        await owner.says("The address of minji is banned.")
        await expect(river.chat).to_have_attribute("data-state", "refused", timeout=ARRIVES)
        await owner.misses("still here")
        await owner.undoes()
        await owner.sees("still here")


async def test_a_command_that_cannot_be_done_is_explained_in_korean(
    station: Station, browser: Browser
) -> None:
    owner = (OWNER, PASSWORD)
    async with open_chat(browser, station, "/@order", account=owner, locale="ko-KR") as page:
        await page.write("/ban 아무도아닌이")
        words = "지금도 최근에도 그런 이름을 쓴 사람이 없습니다."
        await page.sees(words, within=ARRIVES)
        await page.write("/slow x")
        words = "/slow 뒤에는 /slow 30처럼 초를 적거나 off를 적어 주세요."
        await page.sees(words, within=ARRIVES)
        assert not page.tab.complaints
