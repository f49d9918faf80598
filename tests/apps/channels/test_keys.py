from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.apps.channels import keys
from madang.wire.rtmp import Connected
from madang.wire.rtmp.connect import key_texts


def test_a_key_has_at_least_128_bits_and_survives_a_lower_casing_encoder() -> None:
    key = keys.generate_key()
    assert keys.SECRET_BYTES * 8 >= 128
    assert str(key) == str(key).lower()
    assert keys.parse(str(key)) == key


def test_keys_differ() -> None:
    assert len({str(keys.generate_key()) for _ in range(100)}) == 100


KEY = keys.Key("abcdefgh", "ijklmnopqrstuvwxyz234567abcdefgh")
OLD = f"{KEY.key_id}-{KEY.secret}"
"""The shape in which keys were shown before."""

SHAPES = {
    "as shown": str(KEY),
    "as shown before": OLD,
    "capitals, blanks around it": f"  {OLD.upper()}\r\n",
    "an en dash": OLD.replace("-", "\N{EN DASH}"),
    "a minus sign": OLD.replace("-", "\N{MINUS SIGN}"),
    "an underscore": OLD.replace("-", "_"),
    "a byte order mark": f"\N{ZERO WIDTH NO-BREAK SPACE}{OLD}",
    "zero-width blanks": "\N{ZERO WIDTH SPACE}".join(str(KEY)),
    "a soft hyphen": OLD.replace("-", "\N{SOFT HYPHEN}"),
    "a no-break space": OLD.replace("-", "\N{NO-BREAK SPACE}"),
    "full-width letters": "".join(chr(ord(sign) + 0xFEE0) for sign in str(KEY)),
    "broken over lines": f"{OLD[:20]}\n{OLD[20:]}",
    "in groups of four": " ".join(str(KEY)[at : at + 4] for at in range(0, 40, 4)),
    "in quotation marks": f"\u201c{OLD}\u201d",
    "with its label": f"Stream key: {OLD}",
    "a whole address": f"rtmp://host:1935/live/{OLD}",
    "an address without an application": f"rtmp://host/{KEY}",
    "a query": f"live?key={OLD}&token=x",
    "twice": f"{OLD} {OLD}",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_key_is_read_in_the_shapes_that_people_paste(shape: str) -> None:
    assert keys.parse(SHAPES[shape]) == KEY


@pytest.mark.parametrize(
    "text", ["", "live", str(KEY)[:-1], str(KEY) + "a", f"live{KEY}", f"{KEY}/{str(KEY)[::-1]}"]
)
def test_what_is_no_key_or_more_than_one_is_none(text: str) -> None:
    assert keys.parse(text) is None


def test_new_keys_have_no_sign_that_an_app_could_strip() -> None:
    assert re.fullmatch("[a-z2-7]{40}", str(keys.generate_key()))


@pytest.mark.parametrize(
    ("app", "name"),
    [
        (str(KEY), ""),
        (f"live/{KEY}", ""),
        (f"{KEY}", "live"),
        ("live", f"{OLD}?x=1"),
        ("live", f"show?key={OLD}"),
        ("live", f"/{KEY}"),
        (f"live?key={OLD}", ""),
        ("", str(KEY)),
        ("live", f"live/{KEY}"),
        ("live", f"rtmp://host/live/{KEY}"),
        ("live", OLD.replace("-", "%E2%80%93")),
        ("live", f"'{KEY}'"),
    ],
)
def test_a_key_is_found_in_whichever_field_of_the_encoder_it_was_put(app: str, name: str) -> None:
    connected = Connected(app, f"rtmp://host/{app}", "OBS", (), 0)
    assert keys.find(key_texts(connected, name)) == [KEY]


def test_a_key_in_the_address_alone_is_found() -> None:
    assert keys.find(key_texts(Connected("live", f"rtmp://h/live?key={KEY}", "", (), 0), "x")) == [
        KEY
    ]


def test_one_attempt_tries_a_bounded_number_of_keys() -> None:
    many = [str(keys.generate_key()) for _ in range(50)]
    assert len(keys.find(many)) == keys.MAX_KEYS


@given(st.text())
def test_whatever_is_not_a_key_is_none(text: str) -> None:
    parsed = keys.parse(text)
    assert parsed is None or len(str(parsed)) == 40


def test_only_the_right_secret_matches() -> None:
    key, other = keys.generate_key(), keys.generate_key()
    stored = keys.hash_secret(key.secret)
    assert key.secret not in stored
    assert keys.matches(key.secret, stored)
    assert not keys.matches(other.secret, stored)
    assert not keys.matches(key.secret, None)


def test_a_secret_is_not_in_the_representation_that_logs_show() -> None:
    key = keys.generate_key()
    assert key.secret not in repr(key)
