from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from madang.apps.channels import keys


def test_a_key_has_at_least_128_bits_and_survives_a_lower_casing_encoder() -> None:
    key = keys.generate_key()
    assert keys.SECRET_BYTES * 8 >= 128
    assert str(key) == str(key).lower()
    assert keys.parse(str(key)) == key


def test_keys_differ() -> None:
    assert len({str(keys.generate_key()) for _ in range(100)}) == 100


def test_a_key_is_read_in_capitals_and_with_blanks_around_it() -> None:
    key = keys.generate_key()
    assert keys.parse(f"  {str(key).upper()}\n") == key


@given(st.text())
def test_whatever_is_not_a_key_is_none(text: str) -> None:
    parsed = keys.parse(text)
    assert parsed is None or str(parsed) == text.strip().lower()


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
