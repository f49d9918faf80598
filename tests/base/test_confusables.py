"""Names that look alike have one skeleton."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.base.confusables import skeleton_of

ALICE = [
    *["Alice", "ALICE", "aIice", "a1ice", "aӏice", "ᎪᏞᏆᏟᎬ", "ꭺꮮꭵꮯꭼ", "ⲁⳑⲓⲥⲉ", "ᴀʟɪᴄᴇ", "𝓪𝓵𝓲𝓬𝓮"],
    "álíce",
    *["а1ісе", "4l1c3", "αlιcε", "ａｌｉｃｅ", "a.l_i-ce", "ⓐⓛⓘⓒⓔ", "ᗩlice", "al|ce", "aliccce"],
    "a l i c e",
    "al\u200dice",
]


@pytest.mark.parametrize("name", ALICE)
def test_look_alikes_of_a_name(name: str) -> None:
    assert skeleton_of(name) == skeleton_of("alice")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("minji", "Minjі"),
        ("minji", "ᴍɪɴᴊɪ"),
        ("rn", "m"),
        ("olive", "0Live"),
        ("мo", "mo"),
        ("민지", "민ㅈㅣ"),
        ("민지", "민지\u3164"),
        ("タロ", "夕口"),
        ("राम", "रा\u200dम"),
        ("محمد", "مُحَمَّد"),
    ],
)
def test_names_that_look_alike(one: str, other: str) -> None:
    assert skeleton_of(one) == skeleton_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("minji", "minjo"),
        ("user2", "user3"),
        ("민지1", "민지2"),
        ("민지", "만지"),
        ("राम", "रिम"),
        ("กิน", "กัน"),
        ("田中", "中田"),
        ("alice", "alicia"),
        ("은주", "은지"),
    ],
)
def test_names_that_differ(one: str, other: str) -> None:
    assert skeleton_of(one) != skeleton_of(other)


@given(st.text(min_size=1, max_size=30))
def test_any_name_has_a_skeleton(name: str) -> None:
    assert skeleton_of(name)
