"""The bit reader returns what was written, and raises at the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.media.bits import BitReader, CodecConfigError
from tests.support.bit_fields import octets, se, u, ue

FIELD = st.integers(0, 40).flatmap(
    lambda size: st.tuples(st.integers(0, (1 << size) - 1), st.just(size))
)


@given(st.lists(FIELD))
def test_fields_of_any_size_read_back(fields: list[tuple[int, int]]) -> None:
    bits = BitReader(octets(*(u(value, size) for value, size in fields if size)), "test")
    assert [bits.read(size) for _, size in fields] == [value for value, _ in fields]
    assert bits.left < 8


@given(st.lists(st.integers(0, 2**32 - 2)))
def test_exp_golomb_codes_read_back(values: list[int]) -> None:
    bits = BitReader(octets(*map(ue, values)), "test")
    assert [bits.ue() for _ in values] == values


@given(st.lists(st.integers(-(2**31) + 1, 2**31 - 1)))
def test_signed_exp_golomb_codes_read_back(values: list[int]) -> None:
    bits = BitReader(octets(*map(se, values)), "test")
    assert [bits.se() for _ in values] == values


@given(st.binary(max_size=4), st.integers(0, 40))
def test_reading_past_the_end_is_an_error_that_names_the_data(data: bytes, size: int) -> None:
    bits = BitReader(data, "thing")
    if size <= 8 * len(data):
        assert bits.read(size) == int.from_bytes(data, "big") >> (8 * len(data) - size)
    else:
        with pytest.raises(CodecConfigError, match="The thing is cut off"):
            bits.read(size)


def test_codes_of_more_than_32_bits_are_refused() -> None:
    with pytest.raises(CodecConfigError, match="more than 32 bits"):
        BitReader(bytes(5), "thing").ue()


def test_whole_bytes_read_back_between_bits() -> None:
    bits = BitReader(b"\xf0abc\x80", "thing")
    bits.skip(8)
    assert bits.octets(3) == b"abc"
    assert bits.flag()
    with pytest.raises(CodecConfigError):
        bits.octets(1)
