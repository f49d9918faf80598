"""The word filter sees through tricks, and leaves innocent words alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.chat.word_filter import WordFilter, normal_word, tokens

KOREAN = WordFilter(["바보", "멍청이", "시발"])
LATIN = WordFilter(["spam", "ass", "idiot"])


@pytest.mark.parametrize(
    "text",
    [
        "바보",
        "너 바보야",
        "바 보",
        "바1보",
        "바~~보",
        "바.보",
        "ㅂㅏㅂㅗ",
        "ㅂ ㅏ ㅂ ㅗ",
        "바ㅂㅗ",
        "바\u200b보",
        "ᄇ" + "ᅡ" + "보",
        "시ㅂㅏㄹ",
        "ㅅㅣ발",
        "ＳＰＡＭ 시@발",
    ],
)
def test_korean_is_found_behind_tricks_of_spelling(text: str) -> None:
    assert KOREAN.finds(text)


@pytest.mark.parametrize(
    "text",
    ["다시 발견했다", "바다 보러 가자", "시바라기", "안녕하세요", "", "ㅋㅋㅋㅋ", "바보다리"[1:]],
)
def test_innocent_korean_passes(text: str) -> None:
    assert not KOREAN.finds(text)


@pytest.mark.parametrize(
    "text",
    [
        "spam",
        "SPAM!",
        "s p a m",
        "5p4m",
        "ｓｐａｍ",
        "spаm",
        "spáam"[:3] + "am"[1:],
        "idiots",
        "s.p.a.m",
        "ꜱᴘᴀm",
        "ѕрⲁm",
        "ᏚᏢᎪm",
        "sp\u0301a\u20e3m",
    ],
)
def test_latin_is_found_behind_look_alikes(text: str) -> None:
    assert LATIN.finds(text)


@pytest.mark.parametrize("text", ["class", "pass me the salt", "assess", "spammed? no", "a s"])
def test_latin_is_not_found_inside_other_words(text: str) -> None:
    assert not LATIN.finds(text)


def test_vowel_signs_make_another_word() -> None:
    """ु is a mark of the letter before it."""
    hindi = WordFilter(["कुल"])
    assert hindi.finds("यह कुल है")
    assert not hindi.finds("यह कल है")


def test_a_filter_without_words_finds_nothing() -> None:
    assert not WordFilter([]).finds("바보 spam")
    assert not WordFilter(["", " ", "!!"]).finds("anything at all")


@given(st.text(max_size=60))
def test_any_text_has_a_normal_form_that_is_stable(text: str) -> None:
    for token in tokens(text):
        assert normal_word(token) in {token, normal_word(normal_word(token))}


@given(st.text(alphabet="바보시발ㅂㅏㅗ ", max_size=20))
def test_a_word_is_found_whatever_stands_around_it(text: str) -> None:
    assert KOREAN.finds(f"{text} 바보 {text}")
