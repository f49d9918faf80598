"""Names in the scripts of the world."""

from __future__ import annotations

import unicodedata

import pytest

from madang.base.names import folded, is_name, joins, name_at_start

NAMES = [
    *[
        "minji",
        "민지",
        "田中",
        "たろう",
        "Zoë",
        "Nguyễn",
        "राहुल",
        "नागेन्द्र",
        "ศรีสุดา",
        "น้ำฝน",
        "தமிழ்",
    ],
    "প্রিয়া",
    *["བསྟན་འཛིན", "རྒྱུད", "مُحَمَّد", "יוֹסֵף", "ကျော်", "a.b-c_d", "_x", "7up"],
    "مهدی\u200cنیا",
    "ක්\u200dරිශාන්",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC"])
def test_names_of_many_scripts(name: str, form: str) -> None:
    assert is_name(unicodedata.normalize(form, name))  # type: ignore[arg-type]
    assert name_at_start(f"{name}, hi") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".dot",
        "a b",
        "a@b",
        "<b>",
        "\u0301a",
        "a" + "\u0301" * 3,
        "ا" + "\u064b" * 5,
        "\u3164",
        "ᅠ",
        "a\ufe0f",
        "a\u200cb",
        "a\u200d",
        "مه\u200c",
        "a\u2060b",
        "\u202ea",
        "a\U000e0061",
        "2\ufe0f\u20e3",
        "❤",
    ],
)
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


def test_single_spaces_where_they_are_allowed() -> None:
    assert is_name("kim min ji", spaces=True)
    assert not is_name("kim  min", spaces=True)
    assert not is_name(" kim", spaces=True)


def test_a_joiner_counts_only_where_it_changes_the_writing() -> None:
    assert joins("می\u200cخواهم", 2)
    assert joins("क्\u200cष", 2)
    assert not joins("ab\u200ccd", 2)
    assert not joins("می\u200c", 2)


def test_one_form_for_one_name() -> None:
    assert folded("ＭＩＮＪＩ") == folded("minji")
    assert folded(unicodedata.normalize("NFD", "민지")) == folded("민지")
