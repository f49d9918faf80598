from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.station.demo import clock

INSTANTS = st.integers(min_value=0, max_value=1 << 44)


def read(bits: list[int]) -> int | None:
    """The instant that a machine reads off the blocks; None where the parity is wrong."""
    word = int("".join(map(str, bits)), 2)
    shown, check = word >> 4, word & 15
    return shown if clock.parity(shown) == check else None


@given(INSTANTS)
def test_the_blocks_tell_the_instant(instant: int) -> None:
    bits = clock.bits_of(instant)
    assert len(bits) == clock.BITS
    assert read(bits) == instant % (1 << clock.TIME_BITS)


@given(INSTANTS, st.integers(min_value=0, max_value=clock.BITS - 1))
def test_a_misread_block_is_noticed(instant: int, wrong: int) -> None:
    bits = clock.bits_of(instant)
    bits[wrong] ^= 1
    assert read(bits) is None


@pytest.mark.parametrize("bit", [0, 1])
def test_a_picture_of_one_colour_is_no_instant(bit: int) -> None:
    assert read([bit] * clock.BITS) is None


@given(INSTANTS)
def test_the_blocks_are_where_the_picture_has_them(instant: int) -> None:
    picture = clock.draw("12:34:56.789", instant)
    assert len(picture) == clock.WIDTH * clock.HEIGHT
    middle = (clock.HEIGHT - clock.MARGIN - clock.BLOCK // 2) * clock.WIDTH
    centres = [clock.MARGIN + clock.BLOCK * n + clock.BLOCK // 2 for n in range(clock.BITS)]
    assert [picture[middle + centre] // 255 for centre in centres] == clock.bits_of(instant)


def test_every_digit_looks_different() -> None:
    assert len({clock.draw(digit, 0) for digit in "0123456789:."}) == 12


def test_what_the_clock_cannot_draw_is_an_error() -> None:
    with pytest.raises(KeyError):
        clock.draw("noon", 0)
